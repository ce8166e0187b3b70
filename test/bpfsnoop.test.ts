/** Command lines of bpfsnoop that ask for what fsnoop has not: each is told what comes closest. */
import type { Errors } from '@oclif/core';
import { captureOutput } from '@oclif/test';
import { expect, test } from 'vitest';
import Trace from '../src/commands/trace.js';

test.each<[string[], RegExp]>([
  // packets
  [
    ['-k', 'skb_recv_datagram', '-m', 'exit', '--filter-pkt', '(r) icmp', '--output-pkt', '(r)'],
    /--filter-pkt .*--filter-arg compares.*\n.*--output-pkt .*--output-arg 'pkt\(skb->head/,
  ],
  [
    ['-k', 'tcp_v4_rcv', '--filter-pkt', 'tcp and host 1.1.1.1', '--output-pkt'],
    /--filter-pkt .*be32\(skb->head \+ skb->network_header, 12\)/,
  ],
  [['-k', 'icmp_rcv', '--filter-pkt', 'icmp', '--skip-tunnel'], /--skip-tunnel goes with/],
  [['-k', '(p)icmp_rcv'], /\(p\) is not there yet; --output-arg 'pkt\(/],
  // other ways to attach, and what runs inside a function
  [['-k', '(m)icmp_rcv:(struct sk_buff *)skb'], /\(m\) is not needed: fsession\.multi/],
  [['-k', '(b)(m)icmp_rcv:(struct sk_buff *)skb'], /Leave it out: -k '\(b\)icmp_rcv:/],
  [['-k', '(i)tcp_v4_rcv:skb'], /\(i\) has no counterpart; -g shows/],
  [['-k', '(l)ip_rcv'], /\(l\) has no counterpart; -g shows/],
  [['-k', 'icmp_rcv', '--output-insns'], /--output-insns has no counterpart; -g/],
  [['-v', '-k', 'ip_rcv', '--output-lbr'], /--output-lbr has no counterpart; -g/],
  [['-k', 'icmp_rcv', '-d', '-B', '100'], /-d is not there yet; fsnoop list --proto .*\n.*-B goes/],
  // the rest
  [['--read', 'jiffies'], /--read is not there yet; --output-arg reads memory when/],
  [['-k', 'vfs_read', '--output-flamegraph', 'x'], /--output-stack counts equal stacks/],
  [['-k', 'htab_*_elem', '-g', '--fgraph-debug'], /--fgraph-debug is not needed; -v/],
  [['-k', 'tcp_connect', '-g', '--limit-events', '1', '-D'], /-D is not needed; -v/],
  [['-k', 'vfs_read', '--kernel-vmlinux', '/boot'], /--kernel-vmlinux is not needed/],
])('%j', async (argv, said) => {
  const { error, stdout } = await captureOutput(() => Trace.run(argv, import.meta.dirname));
  const { message, oclif, suggestions = [] } = error as Errors.CLIError;
  expect([message, ...suggestions].join('\n')).toMatch(said);
  expect(message).toMatch(/bpfsnoop's/);
  expect(oclif.exit).toBe(2);
  expect(stdout).toBe('');
});
