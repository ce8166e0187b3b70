/** One page that shows a trace and needs nothing else: its data stand in page.html as JSON. */
import { formatComm } from '../render/text.js';
import type { Call, Mark, Node, Tree } from '../tree/tree.js';
import { Facts, listShown } from './call-facts.js';
import type { Exporter, ExportParts } from './exporter.js';

/** What page.html reads of a call or of a mark, in this order. */
type PageCall = readonly [
  depth: number,
  /** -1: its record was lost. */
  place: number,
  startNs: number,
  /** Null: of a mark. */
  durationNs: number | null,
  selfNs: number | null,
  cpu: number,
  hasFailed: 0 | 1,
  returned: string,
  arguments: string,
  outputs: string,
];

const placeOfData = '<!-- trace -->';

/**
 * @param page page.html
 * @throws {Error} when it has no place for the data
 */
export function makeHtmlExporter(parts: ExportParts, page: string): Exporter {
  const facts = new Facts(parts);
  const [before, after] = page.split(placeOfData);
  if (before === undefined || after === undefined)
    throw new Error('the page has no place for data');
  let between = '';

  const describe = (node: Call | Mark, depth: number): PageCall => {
    const { function: place, startNs, cpu } = node;
    const isCall = node.type === 'call';
    const [durationNs, selfNs] = isCall ? [node.durationNs, node.selfNs] : [null, null];
    const told = isCall ? facts.of(node) : facts.ofMark(node);
    const { returned, errno, arguments: args } = told;
    const shown = listShown(told);
    const text = shown.map((output) => `${output.label} = ${output.text}`).join('\n');
    const hasFailed = errno === null ? 0 : 1;
    return [depth, place, startNs, durationNs, selfNs, cpu, hasFailed, returned, args, text];
  };

  const list = (tree: Tree): PageCall[] => {
    const calls: PageCall[] = [];
    const visit = (node: Node, depth: number): void => {
      if (node.type === 'gap') return;
      calls.push(describe(node, depth));
      if (node.type === 'call') for (const child of node.children) visit(child, depth + 1);
    };
    visit(tree.root, 0);
    return calls;
  };

  return {
    start: () => {
      const { kernel } = parts.attached;
      const { startedAt, command } = parts.opening;
      const about = { kernel, startedAt, command, names: facts.names };
      const head = printJson(about).slice(0, -1);
      return `${before}<script type="application/json" id="trace">${head},"trees":[`;
    },
    tree: (tree) => {
      const { pid, tid, comm, lost } = tree;
      const text = printJson({ pid, tid, comm: formatComm(comm), lost, calls: list(tree) });
      const out = `${between}\n${text}`;
      between = ',';
      return out;
    },
    end: () => [`\n]}</script>${after}`],
  };
}

/** What could end the script that it stands in has no `<`. */
const printJson = (value: object): string => JSON.stringify(value).replaceAll('<', '\\u003c');
