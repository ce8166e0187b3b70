/** Calls, and tracepoints, as rows of comma-separated values (RFC 4180), in the order in which they began. */
import type { Call, Mark, Tree } from '../tree/tree.js';
import { Facts } from './call-facts.js';
import type { Exporter, ExportParts, Hit } from './exporter.js';

const columns = [
  ...['tree', 'depth', 'pid', 'tid', 'comm', 'cpu', 'start_ns', 'duration_ns', 'self_ns'],
  ...['function', 'module', 'status', 'returned', 'errno', 'arguments', 'outputs'],
];

export function makeCsvExporter(parts: ExportParts): Exporter {
  const facts = new Facts(parts);
  const { functions, epochNs, cpuTime } = parts.opening;

  const row = (
    node: Call | Mark,
    [tree, depth]: readonly [tree: number, depth: number] | readonly ['', ''],
    { pid, tid, comm }: Tree | Hit,
  ): string => {
    const { function: place, cpu, startNs } = node;
    const isCall = node.type === 'call';
    const told = isCall ? facts.of(node) : facts.ofMark(node);
    const { name = '', module = null } = functions[place] ?? {};
    const status = isCall ? node.status : 'mark';
    const times = isCall && status === 'returned' ? [node.durationNs, node.selfNs] : ['', ''];
    const returned = status === 'returned' ? told.returned : '';
    return line([
      ...[tree, depth, pid, tid, comm, cpu, epochNs + BigInt(startNs)],
      ...[...times, name, module ?? '', status, returned, told.errno ?? '', told.arguments],
      told.outputs.map(({ label, text }) => `${label} = ${text}`).join('\n'),
      ...(cpuTime ? [isCall ? node.offNs : ''] : []),
    ]);
  };

  return {
    start: () => line(cpuTime ? [...columns, 'off_cpu_ns'] : columns),
    tree: (tree) => {
      let out = '';
      const visit = (call: Call, depth: number): void => {
        out += row(call, [tree.tree, depth], tree);
        for (const node of call.children) {
          if (node.type === 'call') visit(node, depth + 1);
          else if (node.type === 'mark') out += row(node, [tree.tree, depth + 1], tree);
        }
      };
      visit(tree.root, 0);
      return out;
    },
    hit: (hit) => row({ ...hit, type: 'mark' }, ['', ''], hit),
    end: () => [],
  };
}

const line = (cells: readonly (string | number | bigint)[]): string =>
  `${cells.map((cell) => quote(`${cell}`)).join(',')}\r\n`;

const quote = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
