/** The kernel's tracepoints: those that its BTF says BPF programs can be attached to. */
import type { Btf, Kind } from './btf.js';
import { whyDeniedTracepoint } from './deny-list.js';
import type { KernelFunction, Scope } from './function.js';
import { isGlob, toRegExpSource } from './glob.js';
import { describeParameters } from './parameters.js';

/** Of each tracepoint a typedef of what is called at it: its first parameter is not of the tracepoint. */
const typePrefix = 'btf_trace_';
/** And a function that calls all of them. Its parameters have names, those of the typedef have none. */
const callerPrefix = '__traceiter_';

/** The first parameter of both is not the tracepoint's. */
export const ownParameters = 1;

const typedefKind: ReadonlySet<Kind> = new Set(['typedef']);

/** What tells of tracepoints. */
export interface KernelTypes {
  /** Of vmlinux. */
  readonly btf: Btf;
  /** Names of the modules that are loaded. */
  readonly modules: readonly string[];
  /** The types of a module, behind those of vmlinux; null where it has none of its own. */
  readonly btfOf: (module: string) => Btf | null;
}

/**
 * Tracepoints whose name matches one of the shell globs, sorted by name. Globs are of vmlinux, and of
 * modules in their scope; a whole name that is in neither is looked for in all modules.
 */
export function findTracepoints(
  { btf, modules, btfOf }: KernelTypes,
  globs: readonly string[],
  scope: Scope,
): KernelFunction[] {
  const found = new Map(findOwn(btf, null, globs).map((one) => [one.name, one]));
  const add = (module: string, wanted: readonly string[]) => {
    const types = btfOf(module);
    // those of vmlinux are there already
    for (const one of types === null ? [] : findOwn(types, module, wanted))
      if (!found.has(one.name)) found.set(one.name, one);
  };
  const inScope = scope === 'all modules' ? modules : scope;
  for (const module of inScope) add(module, globs);
  const missing = globs.filter((glob) => !isGlob(glob) && !found.has(glob));
  if (missing.length > 0)
    for (const module of modules) if (!inScope.includes(module)) add(module, missing);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `sched_switch(bool preempt, struct task_struct *prev)` */
export function spellTracepoint(btf: Btf, { name, btfId }: KernelFunction): string {
  const parameters = describeParameters(btf, btfId, ownParameters);
  return `${name}(${parameters.map(({ declaration }) => declaration).join(', ')})`;
}

/** Of a BTF, and those of vmlinux, behind whose types a module has its own. */
function findOwn(btf: Btf, module: string | null, globs: readonly string[]): KernelFunction[] {
  const types = btf
    .findTypes(typedefKind, `${typePrefix}${toRegExpSource(globs)}`)
    .map(({ name, id }) => ({ name: name.slice(typePrefix.length), id }));
  const callers = new Map(
    btf
      .functionsNamed(types.map(({ name }) => callerPrefix + name))
      .map(({ name, id }) => [name, id]),
  );
  return types.map(({ name, id }) =>
    describeTracepoint(name, module, callers.get(callerPrefix + name) ?? calledType(btf, id)),
  );
}

/** The prototype that a pointer of the typedef points at. */
const calledType = (btf: Btf, id: number): number => btf.target(btf.resolve(id));

const describeTracepoint = (
  name: string,
  module: string | null,
  btfId: number,
): KernelFunction => ({
  kind: 'tracepoint',
  name,
  module,
  btfId,
  returns: { kind: 'void' },
  reason: whyDeniedTracepoint(name) === null ? null : 'denied',
});
