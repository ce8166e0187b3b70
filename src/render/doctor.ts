/**
 * What a machine offers to trace with:
 *
 *	Linux 7.2.13+deb14-cloud-amd64, x64
 *
 *	✓ privileges       root has all that tracing takes
 *	✗ ftrace           kernel.ftrace_enabled is 0
 *	                   → sudo sysctl kernel.ftrace_enabled=1
 *
 *	✓ fsession.multi   attaches one BPF program to many functions
 *	? fsession         the kernel refused it: bpf_object__load: EPERM
 *
 *	Nothing can trace here.
 */
import { Chalk } from 'chalk';
import { guestAdvice, type Method, type Offer } from '../plan/method.js';

export interface Finding<Name extends string = string> {
  /** What was looked at: `BTF`. */
  readonly name: Name;
  /** Whether it is as tracing wants it. */
  readonly answer: Offer;
  /** What was found. */
  readonly detail: string;
  /** What to do, or to do without. */
  readonly advice: readonly string[];
}

export interface Diagnosis {
  /** The release of the kernel. */
  readonly kernel: string;
  /** As node names it: `x64`. */
  readonly arch: string;
  /** The method that a trace of a few functions takes; null where none can trace. */
  readonly method: Method | null;
  readonly machine: readonly Finding[];
  readonly methods: readonly Finding<Method>[];
}

const nameWidth = 15;

export function renderDiagnosisText(diagnosis: Diagnosis, color: boolean): string {
  const { kernel, arch, machine, methods, method } = diagnosis;
  const chalk = new Chalk({ level: color ? 1 : 0 });
  const marks: Readonly<Record<Offer, string>> = {
    yes: chalk.green('✓'),
    no: chalk.red('✗'),
    'could not tell': chalk.yellow('?'),
  };
  const draw = ({ name, answer, detail, advice }: Finding) => {
    const said = answer === 'could not tell' ? `could not tell: ${detail}` : detail;
    const then = advice.map((text) => `${' '.repeat(nameWidth + 4)}→ ${text}\n`);
    return [`${marks[answer]} ${name.padEnd(nameWidth)}  ${said}\n`, ...then].join('');
  };
  const verdict =
    method === null
      ? `${chalk.bold('Nothing can trace here.')} ${guestAdvice}\n`
      : `${chalk.bold('fsnoop can trace here')}, by ${method}.\n`;
  const parts = [`Linux ${kernel}, ${arch}\n`, machine.map(draw), methods.map(draw), verdict];
  return parts.map((part) => [part].flat().join('')).join('\n');
}

/** One line; shape in `fsnoop doctor --help`. */
export function renderDiagnosisJson(diagnosis: Diagnosis): string {
  const { kernel, arch, machine, methods, method } = diagnosis;
  const told = { kernel, arch, canTrace: method !== null, method, machine, methods };
  return `${JSON.stringify({ type: 'doctor', version: 1, ...told })}\n`;
}
