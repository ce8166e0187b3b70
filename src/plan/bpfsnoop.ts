/** Flags of bpfsnoop that fsnoop has not, and what comes closest. */

const later = 'is not there yet';

const advice: Readonly<Record<string, string>> = {
  '--mode':
    'is not needed: each call is told with its entry and return; --live shows both as they happen',
  '--filter-arg': `${later}; calls are filtered by --filter-pid, --comm and --min-duration`,
  '--output-arg': `${later}; return values are shown, arguments are not`,
  '--output-stack': `${later}; -g --fgraph-include shows the calls below`,
  '--output-lbr': 'has no counterpart; -g --fgraph-include shows the calls below',
  '--output-insns': 'has no counterpart; -g --fgraph-include shows the calls below',
  '--output-pkt': `${later}; --format json is for programs`,
  '--filter-pkt': `${later}; calls are filtered by --filter-pid, --comm and --min-duration`,
  '--prog': `${later}: only kernel functions can be traced; find one with fsnoop list`,
  '--tracepoint': `${later}: only functions can be traced; find one with fsnoop list`,
  '--kfunc-kmods': `${later}: only functions of vmlinux can be traced`,
  '--kfunc-all-kmods': `${later}: only functions of vmlinux can be traced`,
  '--fgraph-proto': `${later}; fsnoop list tells which functions there are`,
  '--show-func-proto': `${later}; fsnoop list tells which functions there are`,
  '--show-type-proto': `${later}; bpftool btf dump file /sys/kernel/btf/vmlinux format c does it`,
};

const longNames: Readonly<Record<string, string>> = {
  '-m': '--mode',
  '-p': '--prog',
  '-t': '--tracepoint',
  '-C': '--show-type-proto',
};

/** `--output-arg is not there yet; …`, or undefined for a flag that isn't bpfsnoop's. */
export function adviceOn(flag: string): string | undefined {
  const found = advice[longNames[flag] ?? flag];
  return found && `bpfsnoop's ${flag} ${found}.`;
}
