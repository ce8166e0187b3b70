/** What of bpfsnoop's command line fsnoop has not, and what comes closest. */
import { exitStatus, Failure } from '../failure.js';

const below = 'has no counterpart; -g shows the calls below';
const later = 'is not there yet';
const unneeded = 'is not needed';
const packet = "--output-arg 'pkt(skb->head + skb->network_header, 64, ip)' shows the headers";

const advice: Readonly<Record<string, string>> = {
  '--output-lbr': below,
  '--output-insns': below,
  '--trace-insn-debug-cnt': 'goes with --output-insns',
  '--output-pkt': `${later}; ${packet}`,
  '--filter-pkt': `${later}; --filter-arg compares what is in a packet: 'be32(skb->head + skb->network_header, 12) == 0x7f000001'`,
  '--skip-tunnel': 'goes with --filter-pkt and --output-pkt',
  '--disasm': `${later}; fsnoop list --proto shows what functions take, and objdump -d their instructions`,
  '--disasm-bytes': 'goes with --disasm',
  '--disasm-intel-syntax': 'goes with --disasm',
  '--read': `${later}; --output-arg reads memory when a function is called: -k FUNCTION --output-arg EXPR`,
  '--output-flamegraph':
    'is made of a recording: fsnoop record -g -o FILE, and fsnoop export FILE --to html or folded; --output-stack counts equal stacks',
  '--kernel-vmlinux': `${unneeded}: names and types come from the running kernel`,
  '--no-vmlinux': `${unneeded}: names and types come from the running kernel`,
  '--fgraph-debug': `${unneeded}; -v tells how attaching goes`,
  '--debug-log': `${unneeded}; -v tells the plan and how attaching goes`,
};

const longNames: Readonly<Record<string, string>> = {
  '-d': '--disasm',
  '-B': '--disasm-bytes',
  '-D': '--debug-log',
  '-N': '--no-vmlinux',
};

/** `bpfsnoop's -t is not there yet: …`, or undefined for a flag that isn't bpfsnoop's. */
export function adviceOn(flag: string): string | undefined {
  const found = advice[longNames[flag] ?? flag];
  return found && `bpfsnoop's ${flag} ${found}.`;
}

const prefixAdvice: Readonly<Record<string, string>> = {
  i: below,
  l: below,
  m: `${unneeded}: fsession.multi attaches to all functions with one call, as kprobe.multi does`,
  p: `${later}; ${packet}`,
};

/** The same of a prefix of a pattern, as the i of `(i)tcp_v4_rcv`. */
export function adviceOnPrefix(letter: string): string | undefined {
  const found = prefixAdvice[letter];
  return found && `bpfsnoop's (${letter}) ${found}.`;
}

/**
 * Whether `--mode` asks to be told of entries: `entry`, or `entry,exit`.
 * @throws {Failure} on what is no mode
 */
export function hasEntryMode(texts: readonly string[]): boolean {
  const modes = texts.flatMap((text) => text.split(',')).map((mode) => mode.trim());
  for (const mode of modes) {
    if (mode === 'entry' || mode === 'exit') continue;
    throw new Failure(
      exitStatus.usage,
      `--mode '${mode}' is neither entry nor exit.`,
      'A line at each return: --mode exit; one at each entry too: --mode entry,exit',
    );
  }
  return modes.includes('entry');
}
