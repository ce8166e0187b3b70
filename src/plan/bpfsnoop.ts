/** Flags of bpfsnoop that fsnoop has not, and what comes closest. */

const later = 'is not there yet';

const advice: Readonly<Record<string, string>> = {
  '--mode':
    'is not needed: each call is told with its entry and return; --live shows both as they happen',
  '--output-lbr': 'has no counterpart; -g shows the calls below',
  '--output-insns': 'has no counterpart; -g shows the calls below',
  '--output-pkt': `${later}; --format json is for programs`,
  '--filter-pkt': `${later}; calls are filtered by --filter-pid, --comm and --min-duration`,
  '--prog': `${later}: only kernel functions can be traced; find one with fsnoop list`,
  '--tracepoint': `${later}: only functions can be traced; find one with fsnoop list`,
  '--kfunc-kmods': `${later}: only functions of vmlinux can be traced`,
  '--kfunc-all-kmods': `${later}: only functions of vmlinux can be traced`,
};

const longNames: Readonly<Record<string, string>> = {
  '-m': '--mode',
  '-p': '--prog',
  '-t': '--tracepoint',
};

/** `--output-arg is not there yet; …`, or undefined for a flag that isn't bpfsnoop's. */
export function adviceOn(flag: string): string | undefined {
  const found = advice[longNames[flag] ?? flag];
  return found && `bpfsnoop's ${flag} ${found}.`;
}
