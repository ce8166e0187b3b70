/**
 * A tree as the kernel's function_graph tracer prints it, with funcgraph-retval (which void
 * functions have no use for): kernel/trace/trace_functions_graph.c.
 *
 *	 0)               |  vfs_read() {
 *	 0)   1.200 us    |    rw_verify_area(); /* ret=0x0 *\/
 *	 0)   2.738 us    |  } /* vfs_read ret=0x20000 *\/
 */
import type { Call, Mark, Tree } from '../tree/tree.js';
import { formatDurationFtrace, markOf } from './duration.js';
import {
  formatCalled,
  formatCallOutputs,
  formatComm,
  formatMark,
  formatMarkOutputs,
  formatUnreturned,
  nameOf,
  returnTypeOf,
  type Outputs,
  type Text,
} from './text.js';
import { formatReturnFtrace } from './values/value.js';

const header = `# tracer: function_graph
#
# CPU  DURATION                  FUNCTION CALLS
# |     |   |                     |   |   |   |
`;
const noDuration = '              |  ';
const rule = ' ------------------------------------------\n';
const taskWidth = 14;

export class FtraceStyle {
  readonly header = header;
  readonly #text: Text;
  readonly #cpuWidth: number;
  /** Whose line a CPU printed last. */
  readonly #tasks = new Map<number, Tree>();

  constructor(text: Text, cpus: number) {
    this.#text = text;
    this.#cpuWidth = `${cpus - 1}`.length;
  }

  tree(tree: Tree): string {
    return this.#call(tree, tree.root, '');
  }

  #call(tree: Tree, call: Call, indent: string): string {
    const text = this.#text;
    const name = nameOf(text, call.function);
    const called = formatCalled(text, call);
    if (call.status === 'returned' && call.children.length === 0) {
      const returned = this.#returned(call);
      const comment = formatComment(this.#told(returned, call), formatCallOutputs(text, call));
      return this.#line(tree, call.cpu, `${this.#duration(call)}${indent}${called};${comment}`);
    }

    const unreturned = formatUnreturned(call.status, call.durationNs);
    const why = unreturned === '' ? '' : text.warning(` /* ${unreturned} */`);
    let out = this.#line(tree, entryCpu(call), `${noDuration}${indent}${called} {${why}`);
    for (const node of call.children) {
      out +=
        node.type === 'call'
          ? this.#call(tree, node, `${indent}  `)
          : node.type === 'mark'
            ? this.#line(tree, node.cpu, `${noDuration}${indent}  ${this.#mark(node)}`)
            : text.line(text.warning(`CPU:${call.cpu} [LOST ${node.lost} EVENTS]`));
    }
    if (call.status === 'open' || call.status === 'exited') return out;
    const cell = call.status === 'lost' ? noDuration : this.#duration(call);
    const returned = this.#returned(call);
    const comment = formatComment(
      this.#told(returned === '' ? '' : `${name} ${returned}`, call),
      formatCallOutputs(text, call),
    );
    return out + this.#line(tree, call.cpu, `${cell}${indent}}${comment}`);
  }

  /** Events between the calls are comments there. */
  #mark(mark: Mark): string {
    const outputs = formatMarkOutputs(this.#text, mark);
    return formatComment(formatMark(this.#text, mark), outputs).trim();
  }

  #duration({ durationNs }: Call): string {
    const mark = markOf(durationNs);
    return `${this.#text.slow[mark](`${mark} ${formatDurationFtrace(durationNs)}`)}|  `;
  }

  /** `ret=0x20000`, `ret=-2`; '' for void. */
  #returned({ function: place, retvalLow, retvalHigh }: Call): string {
    const value = formatReturnFtrace(returnTypeOf(this.#text, place), retvalLow, retvalHigh);
    if (value === '') return '';
    return value.startsWith('-') ? this.#text.error(`ret=${value}`) : `ret=${value}`;
  }

  /** With how long the task was off the CPU, which ftrace has no column for. */
  #told(returned: string, { offNs }: Call): string {
    if (!this.#text.cpuTime || offNs === 0) return returned;
    return `${returned}${returned === '' ? '' : ' '}off-cpu=${formatDurationFtrace(offNs).trim()}`;
  }

  #line(tree: Tree, cpu: number, content: string): string {
    const prefix = ` ${`${cpu}`.padStart(this.#cpuWidth)}) `;
    const last = this.#tasks.get(cpu);
    this.#tasks.set(cpu, tree);
    const line = this.#text.line(prefix + content);
    if (last === undefined || last.tid === tree.tid) return line;
    const change = `${prefix}${formatProc(last)} => ${formatProc(tree)}\n`;
    return `${rule}${change}${rule}\n${line}`;
  }
}

/** ` /* vfs_read ret=0xc · count = 512 *\/` */
function formatComment(said: string, { behind, below }: Outputs): string {
  const outputs = [behind, ...below.map((line) => line.trim())].join(' ').trimEnd();
  return said === '' && outputs === '' ? '' : ` /* ${`${said}${outputs}`.trim()} */`;
}

/** Where a call began is not recorded; where the first call below it returned comes closest. */
function entryCpu(call: Call): number {
  let first = call;
  for (;;) {
    const child = first.children.find((node) => node.type === 'call');
    if (child === undefined) return first.cpu;
    first = child;
  }
}

/** `   cat-101    `: centred, the name cut to 7 letters, as print_graph_proc() does. */
function formatProc({ comm, tid }: Tree): string {
  const name = tid === 0 ? '<idle>' : formatComm(comm);
  const proc = `${name.slice(0, 7)}-${tid}`;
  const left = Math.max(taskWidth - proc.length, 0) >> 1;
  return (' '.repeat(left) + proc).padEnd(taskWidth);
}
