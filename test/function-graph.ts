/**
 * Has the kernel's function_graph tracer trace, and reads its text, and that of `--style ftrace`, back into names:
 *
 *	 0)               |  vfs_read() {
 *	 0)   1.200 us    |    rw_verify_area();
 *	 0)   2.738 us    |  }
 */
import { childrenOf, type JsonNode } from './json-lines.js';

/**
 * A shell script that prints the calls of a command by function_graph, of `root` and below it of these functions
 * alone; on stderr what of them was lost. ftrace begins when the command does: a shell switches it on and becomes
 * the command.
 */
export function renderFunctionGraphScript(
  root: string,
  below: readonly string[],
  command: string,
): string {
  return `
cd /sys/kernel/tracing
echo 0 >tracing_on
echo 20000 >buffer_size_kb
echo ${root} ${below.join(' ')} >set_ftrace_filter
echo ${root} >set_graph_function
echo function_graph >current_tracer
sh -c 'echo $$ >set_ftrace_pid; echo 1 >tracing_on; exec ${command}'
echo 0 >tracing_on
cat trace
grep -h -E 'overrun|dropped' per_cpu/cpu*/stats >&2
echo nop >current_tracer
echo >set_graph_function; echo >set_ftrace_filter; echo >set_ftrace_pid`;
}

export interface NamedCall {
  readonly name: string;
  readonly children: NamedCall[];
}

const ignored = /^$|^#| => | ---/;
const call =
  /^ *\d+\) .*\| {2}(?<indent> *)(?<what>[\w.]+\(\);|[\w.]+\(\) \{|\})(?: +\/\*.*\*\/)?$/;

/**
 * The calls of one task, in the order of time.
 * @throws {Error} when a line is anything else, or braces or indents don't fit each other
 */
export function parseFunctionGraph(text: string): NamedCall[] {
  const roots: NamedCall[] = [];
  const open: NamedCall[] = [];
  for (const line of text.split('\n')) {
    if (ignored.test(line)) continue;
    const { indent, what } = call.exec(line)?.groups ?? {};
    if (indent === undefined || what === undefined) throw new Error(`what is '${line}'?`);
    if (what === '}') open.pop();
    if (indent.length !== 2 * open.length) throw new Error(`not at its level: '${line}'`);
    if (what === '}') continue;
    const begun = { name: what.replace(/\(.*/, ''), children: [] };
    (open.at(-1)?.children ?? roots).push(begun);
    if (what.endsWith('{')) open.push(begun);
  }
  if (open.length > 0) throw new Error(`${open.length} calls have no end`);
  return roots;
}

const callOfTask = /^ *\d+\) +\S.*-(?<tid>\d+) +\|.* \| {2}(?<indent> *)(?<name>[\w.]+)\(\)/;

/**
 * With the option `funcgraph-proc`, of any number of tasks: of each call the names from the outermost
 * one that was traced down to itself.
 */
export function listWays(text: string): string[][] {
  const open = new Map<string, string[]>();
  return text.split('\n').flatMap((line) => {
    const { tid = '', indent = '', name = '' } = callOfTask.exec(line)?.groups ?? {};
    if (name === '') return [];
    const way = [...(open.get(tid) ?? []).slice(0, indent.length / 2), name];
    open.set(tid, way);
    return [way];
  });
}

/** The lines before the first call. */
export function headerOf(text: string): string {
  return text.slice(0, text.search(/^ *\d+\)/m));
}

export function fromJson(node: JsonNode): NamedCall {
  return { name: node.function ?? '', children: childrenOf(node).map(fromJson) };
}

/** `a(b,c(d))` */
export function shapeOf({ name, children }: NamedCall): string {
  return children.length === 0 ? name : `${name}(${children.map(shapeOf).join(',')})`;
}

/** The tree of these functions alone: what lies between them is taken out. */
export function project({ name, children }: NamedCall, names: readonly string[]): NamedCall {
  const keep = (node: NamedCall): NamedCall[] =>
    names.includes(node.name) ? [project(node, names)] : node.children.flatMap(keep);
  return { name, children: children.flatMap(keep) };
}

export function countShapes(calls: readonly NamedCall[]): Record<string, number> {
  return countEach(calls.map(shapeOf));
}

export function countEach(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}
