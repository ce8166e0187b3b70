/** What the kernel tells of its functions and types, without anything being traced. */
import { loadNative } from './attach/native.js';
import { openOutput } from './tracing/output.js';
import { findDefinitions } from './plan/find-definitions.js';
import { findFunctions } from './plan/find.js';
import type { Pattern } from './plan/pattern.js';
import { chooseTracepoints } from './plan/tracepoints.js';
import { renderDefinition } from './render/definition.js';
import { renderDefinitionJson } from './render/definition-json.js';
import {
  renderCountsJson,
  renderCountsText,
  renderListJson,
  renderListText,
} from './render/list.js';
import { spellPrototype, spellType } from './symbols/c-type.js';
import { describeDefinition } from './symbols/definition.js';
import type { KernelFunction, Scope } from './symbols/function.js';
import { loadBtf, loadKernelTypes, loadSymbols } from './symbols/symbols.js';
import { findTracepoints, spellTracepoint } from './symbols/tracepoints.js';
import { formatCount } from './words/quantities.js';

interface Shown {
  readonly format: 'text' | 'json';
  /** A file, or null for standard output. */
  readonly output: string | null;
}

export interface FunctionsRequest extends Shown {
  readonly patterns: readonly Pattern[];
  readonly only: 'traceable' | 'refused' | null;
  /** Names, prototypes, or how many there are of each reason. */
  readonly show: 'names' | 'prototypes' | 'counts';
  readonly color: boolean;
}

export interface TypesRequest extends Shown {
  /** Of types and functions; or globs of types. */
  readonly names: readonly string[];
  /** Definitions, or no more than names where there are very many types. */
  readonly show: 'definitions' | 'names of many';
  /** Gets what people are told beside the types. */
  readonly onNote: (text: string) => void;
}

/** More definitions than these are nothing to read. */
const many = 20;

/** @throws {Failure} when a pattern matches nothing, or this user may not read the kernel's symbols */
export async function showFunctions(request: FunctionsRequest): Promise<void> {
  const { patterns, only } = request;
  const symbols = loadSymbols(
    patterns.map(({ glob }) => glob),
    loadNative(),
  );
  const { all } = findFunctions(patterns, symbols, 'all modules');
  const chosen = all.filter(
    ({ reason }) => only === null || (only === 'traceable') === (reason === null),
  );
  const prototypeOf = ({ btfId, name, module }: KernelFunction) =>
    btfId === 0 ? null : spellPrototype(symbols.btfOf(module), btfId, name);
  await print(renderFunctions(chosen, request, prototypeOf), request.output);
}

function renderFunctions(
  functions: readonly KernelFunction[],
  { show, format, color }: Pick<FunctionsRequest, 'show' | 'format' | 'color'>,
  spell: (found: KernelFunction) => string | null,
): string {
  if (show === 'counts')
    return format === 'json' ? renderCountsJson(functions) : renderCountsText(functions);
  const prototypeOf = show === 'prototypes' ? spell : null;
  return format === 'json'
    ? renderListJson(functions, prototypeOf)
    : renderListText(functions, { color, prototypeOf });
}

export interface TracepointsRequest extends Shown {
  /** Names and globs. */
  readonly globs: readonly string[];
  readonly show: 'names' | 'prototypes';
  readonly color: boolean;
}

/** @throws {Failure} when a name or glob means nothing, or this kernel has no BTF */
export async function showTracepoints(request: TracepointsRequest): Promise<void> {
  const types = loadKernelTypes(loadNative());
  const source = {
    tracepoints: (globs: readonly string[], scope: Scope = []) =>
      findTracepoints(types, globs, scope),
  };
  const found = chooseTracepoints(request.globs, source, 'all modules');
  const prototypeOf = (one: KernelFunction) => {
    const btf = one.module === null ? types.btf : (types.btfOf(one.module) ?? types.btf);
    return spellTracepoint(btf, one);
  };
  await print(renderFunctions(found, request, prototypeOf), request.output);
}

/** @throws {Failure} when a name means nothing, or this kernel or user has no BTF */
export async function showTypes(request: TypesRequest): Promise<void> {
  const { names, show, format, output } = request;
  const btf = loadBtf(loadNative());
  const ids = findDefinitions(names, btf);
  if (format === 'text' && show === 'names of many' && ids.length > many) {
    const spelt = new Set(ids.map((id) => spellType(btf, id)));
    await print([...spelt, ''].join('\n'), output);
    const asked = names.map((name) => `'${name}'`).join(' ');
    request.onNote(
      `${formatCount(spelt.size)} types match; for their definitions: fsnoop types --all ${asked}\n`,
    );
    return;
  }
  const render = format === 'json' ? renderDefinitionJson : renderDefinition;
  // what several files define alike, BTF may have several times
  const texts = new Set(ids.map((id) => render(describeDefinition(btf, id))));
  await print([...texts].join(format === 'json' ? '' : '\n'), output);
}

/** @throws {ClosedPipe} where nobody reads on */
export async function print(text: string, path: string | null): Promise<void> {
  await using output = await openOutput(path);
  await output.write(text);
}
