/**
 * Command lines as bpfsnoop's documentation has them, on a real kernel: nothing but the program's name
 * is changed, and the end is what makes them end.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildBpf, type BuiltProgram } from './calls.js';
import { guestSession, type GuestSession } from './guest.js';

const ping = `-c 'ping -c 1 127.0.0.1'`;
const refused = `-c 'nc 127.0.0.1 1'`;
const unreachable = `-c 'nc 10.9.8.7 1'`;
const xdp = `-c 'xdp'`;
const network = 'skb->head + skb->network_header';

/** What is documented, what ends it, and what its output has; lines are joined. */
const lines: readonly (readonly [documented: string, end: string, shown: RegExp])[] = [
  // typed return values
  [
    `bpfsnoop -k tcp_v4_connect -m exit --filter-arg '(int)$retval != 0' --output-arg '(int)$retval'`,
    unreachable,
    /tcp_v4_connect\(.*\) = -ENETUNREACH · \(int\)\$retval = -101 .*1 tree, 1 call\./,
  ],
  [
    `bpfsnoop -k __sys_connect -m exit --filter-arg '(int)$retval < 0' --output-arg '(int)$retval' --limit-events 1`,
    refused,
    /__sys_connect\(fd=3, .*\) = -ECONNREFUSED · \(int\)\$retval = -111 .*1 tree, 1 call\./,
  ],
  [
    `bpfsnoop -k __sys_connect -m entry,exit --filter-arg '(int)$retval < 0' --output-fgraph --fgraph-max-depth 1 --limit-events 1`,
    `--fgraph-include __sys_connect_file ${refused}`,
    /→ __sys_connect\(fd=3.* → __sys_connect_file\(.* ← __sys_connect_file = -ECONNREFUSED .* ← __sys_connect = -ECONNREFUSED .*1 tree, 2 calls/,
  ],
  [
    `bpfsnoop -k skb_recv_datagram -m exit --filter-arg '(struct sk_buff *)$retval != NULL' --output-arg '(struct sk_buff *)$retval' --limit-events 1`,
    ping,
    /skb_recv_datagram\(.*\) = (0xff\w+) · \(struct sk_buff \*\)\$retval = \1 /,
  ],
  [
    `bpfsnoop -k skb_recv_datagram -m exit --filter-arg 'sk != NULL && (struct sk_buff *)$retval != NULL' --output-arg 'sk' --output-arg '(struct sk_buff *)$retval' --limit-events 1`,
    ping,
    /skb_recv_datagram\(sk=(0xff\w+), .* · sk = \1 · /,
  ],
  // arguments, and what they point at
  [
    `bpfsnoop -k generic_xdp_install --output-arg 'xdp->prog->aux->id' --output-arg 'xdp->prog->aux->name' --output-arg 'xdp->prog->aux->used_maps[0]->map_type' --output-arg 'xdp->prog->aux->used_maps[0]->name' --output-arg 'dev->ifindex' --output-arg 'dev->name'`,
    xdp,
    /->id = \d+ · .*aux->name = "crc" · .*map_type = BPF_MAP_TYPE_ARRAY · .*->name = "seen" · dev->ifindex = 1 · dev->name = "lo" .*->id = <fault> · .* dev->ifindex = 1 /,
  ],
  [
    `bpfsnoop -k dev_xdp_install --output-arg 'slice(prog->aux->used_maps, 1)'`,
    xdp,
    /dev_xdp_install\(.*mode=XDP_MODE_SKB, bpf_op=generic_xdp_install, .*used_maps, 1\) = \[0xff\w+\] .*prog=NULL\) = 0 · .*used_maps, 1\) = <fault>/,
  ],
  [
    `bpfsnoop -k generic_xdp_install --filter-arg '((unsigned long long)dev & 0xffff000000000000) != 0' --output-arg 'dev->ifindex'`,
    xdp,
    /dev->ifindex = 1 .*dev->ifindex = 1 2 trees/,
  ],
  [
    `bpfsnoop -k generic_xdp_install --filter-arg '(unsigned long long)dev > 0xffffffff' --output-arg 'dev->ifindex'`,
    xdp,
    /dev->ifindex = 1 .*dev->ifindex = 1 2 trees/,
  ],
  [
    `bpfsnoop -k 'bpf_prog_load'`,
    xdp,
    /bpf_prog_load\(attr=0xff\w+, uattr={kernel=(0x\w+), user=\1, is_kernel=false}/,
  ],
  [
    `bpfsnoop -k 'bpf_link_init' --filter-arg 'prog->type == BPF_PROG_TYPE_XDP'`,
    `-c 'fsnoop -k vfs_read -c true'`, // whose links are of another type
    /CALL 0 trees, 0 calls\. Lost: none\./,
  ],
  [
    `bpfsnoop -k icmp_rcv --filter-arg '(struct sk_buff *)skb->hash != 0'`,
    ping,
    /CALL .*round-trip.* 0 trees, 0 calls\. Lost: none\./,
  ],
  [
    `bpfsnoop -k icmp_rcv --output-arg 'skb->dev->name' -m 'entry,exit'`,
    ping,
    /→ icmp_rcv\(skb=0xff\w+\) · skb->dev->name = "lo" ping \d+ +← icmp_rcv = 0 /,
  ],
  // packets
  [
    `bpfsnoop -k icmp_rcv --output-arg 'buf(skb->cb, 4, 8)' --output-arg 'hex(${network} + 12, 8)' --output-arg 'ip42(${network} + 12)' --output-arg 'ip42(${network}, 12)'`,
    ping,
    /4, 8\) = \[(?:0x00, ){7}0x00\] · .*12, 8\) = 7f0000017f000001 · .*\+ 12\) = \[127\.0\.0\.1, 127\.0\.0\.1\] · .*, 12\) = \[127\.0\.0\.1, 127\.0\.0\.1\] /,
  ],
  [
    `bpfsnoop -k icmp_rcv --output-arg 'pkt(skb->head + skb->mac_header, 34)'`,
    ping,
    /eth={source=00:00:00:00:00:00, dest=00:00:00:00:00:00, proto=0x0800}, ip4={ saddr=127\.0\.0\.1, daddr=127\.0\.0\.1, protocol=1, ttl=64, .* tot_len=84 }, … }/,
  ],
  [
    `bpfsnoop -k tcp_v4_rcv --output-arg 'port2(skb->head + skb->transport_header)' --output-arg 'port(&((struct tcphdr *)(skb->head + skb->transport_header))->dest)' --output-arg 'be32(${network} + 12)'`,
    refused,
    /port2\(.*\) = \[\d+, 1\] · port\(.*\) = 1 · be32\(.*\) = 2130706433 /,
  ],
  [
    `bpfsnoop -k icmp_rcv --filter-arg 'h2ns(skb->dev->ifindex) == h2ns(1)' --output-arg 'h2ns(skb->dev->ifindex)' --limit-events 1`,
    ping,
    / = 0 · h2ns\(skb->dev->ifindex\) = 256 1 tree/,
  ],
  [
    `bpfsnoop -k icmp_rcv --filter-arg 'n2hs(skb->protocol) == 0x0800' --output-arg 'n2hs(skb->protocol)' --limit-events 1`,
    ping,
    /n2hs\(skb->protocol\) = 2048 1 tree/,
  ],
  [
    `bpfsnoop -k icmp_rcv --filter-arg 'h2nl(skb->dev->ifindex) == h2nl(1)' --output-arg 'h2nl(skb->dev->ifindex)' --limit-events 1`,
    ping,
    /h2nl\(skb->dev->ifindex\) = 16777216 1 tree/,
  ],
  [
    `bpfsnoop -k icmp_rcv --filter-arg 'n2hl(((struct iphdr *)(${network}))->saddr) == 0x7f000001' --output-arg 'n2hl(((struct iphdr *)(${network}))->saddr)' --limit-events 1`,
    ping,
    /->saddr\) = 2130706433 1 tree/,
  ],
  [
    `bpfsnoop -k icmp_rcv --filter-arg 'n2hs(h2ns(skb->dev->ifindex + 0x10000)) == 1' --output-arg 'n2hs(h2ns(skb->dev->ifindex + 0x10000))' --limit-events 1`,
    ping,
    /0x10000\)\) = 1 1 tree/,
  ],
  [
    `bpfsnoop -k icmp_rcv --filter-arg 'n2hl(h2nl(((unsigned long)(skb->dev->ifindex << 1) << 31) | skb->dev->ifindex)) == 1' --output-arg 'n2hl(h2nl(((unsigned long)(skb->dev->ifindex << 1) << 31) | skb->dev->ifindex))' --limit-events 1`,
    ping,
    /ifindex\)\) = 1 1 tree/,
  ],
  [
    `bpfsnoop -k icmp_rcv --filter-arg 'skb->dev->ifindex == 1 && (n2hl(h2nl((short)(skb->dev->ifindex - 2))) >> 16) == 0xffff' --output-arg 'n2hl(h2nl((short)(skb->dev->ifindex - 2)))' --limit-events 1`,
    ping,
    /- 2\)\)\) = 4294967295 1 tree/,
  ],
  // patterns
  [`bpfsnoop --kfunc '*:skb'`, '--dry-run', /Roots +1,\d{3} .* tcp_v4_rcv,/],
  [`bpfsnoop --kfunc '*:sk:struct sock *'`, '--dry-run', /Roots +1,\d{3} .* tcp_v4_connect,/],
  [
    `bpfsnoop -k 'tcp_v4_connect:sk:struct sock *'`,
    refused,
    /tcp_v4_connect\(sk=0xff\w+, .*\) = 0 .*1 tree/,
  ],
  [
    `bpfsnoop -k '*:(struct sk_buff *)skb'`,
    `--limit-events 20 ${ping}`,
    /ping \d+:\d+ +\w+\(.*skb=0xff/,
  ],
  [
    `bpfsnoop -k '(b)icmp_echo:(struct sk_buff *)skb' --filter-comm ping`,
    ping,
    /ping \d+:\d+ +icmp_echo\(skb=0xff\w+\) = SKB_NOT_DROPPED_YET 1 tree/,
  ],
  [
    `bpfsnoop -k '(b)udp_rcv' --filter-arg 'skb->dev->ifindex == 6' -v`,
    '--duration 1s',
    /Filters +skb->dev->ifindex == 6 .*0 trees, 0 calls\. Lost: none/,
  ],
  [
    `bpfsnoop -k '(s)icmp_echo'`,
    ping,
    /icmp_echo\(.*\) = \w+ +icmp_rcv\+0x\w+ .*ip_local_deliver_finish\+0x/,
  ],
  [
    `bpfsnoop -k '__x64_sys_prlimit*' --output-stack --output-arg='regs->di' --output-arg='regs->si'`,
    '-c true',
    /__x64_sys_prlimit64\(.*regs->di = 0 · regs->si = \d .*do_syscall_64\+0x/,
  ],
  [
    `bpfsnoop -k '(g)__sys_bpf' --fgraph-include 'bpf_*,btf_*' --filter-arg 'cmd == 5'`,
    xdp,
    /__sys_bpf\(cmd=BPF_PROG_LOAD, .* ├─ bpf_check_uarg_tail_zero\(.* └─ bpf_prog_load\(attr=.*bpf_check\(/,
  ],
  // prototypes and types
  [
    `bpfsnoop -k bpf_skb_cgroup_id --show-func-proto`,
    '',
    /^u64 bpf_skb_cgroup_id\(u64 skb, u64 __ur_1, .*\) $/,
  ],
  [`bpfsnoop --show-func-proto icmp_rcv`, '', /^int icmp_rcv\(struct sk_buff \*skb\) $/],
  [`bpfsnoop -k dev_xdp_install -S`, '', /^int dev_xdp_install\(struct net_device \*dev, .*\) $/],
  [`bpfsnoop -C sock_cgroup_data`, '', /^struct sock_cgroup_data {.* u32 classid; .*} *;/],
  [`bpfsnoop -C sk_buff`, '', /^struct sk_buff {.*char cb\[48\];/],
  [`bpfsnoop -C icmp_rcv`, '', /^int icmp_rcv\(struct sk_buff \*skb\); $/],
  [`bpfsnoop -C bpf_attach_type`, '', /^enum bpf_attach_type { BPF_CGROUP_INET_INGRESS = 0,/],
  [`bpfsnoop -C bpf_attr`, '', /^union bpf_attr {/],
];

/** Attaches an XDP program to the loopback and detaches it. */
const makeXdp = `mkdir -p /usr/local/bin; mount -t bpf bpf /sys/fs/bpf
cat >/usr/local/bin/xdp <<'END'
#!/bin/sh -e
bpftool prog load /root/xdp.bpf.o /sys/fs/bpf/crc
bpftool net attach xdpgeneric pinned /sys/fs/bpf/crc dev lo
bpftool net detach xdpgeneric dev lo
rm /sys/fs/bpf/crc
END
chmod +x /usr/local/bin/xdp; ip link set lo up; /usr/local/bin/xdp`;

let program: BuiltProgram;
let run: GuestSession<string>;

beforeAll(async () => {
  program = await buildBpf('xdp');
  const steps = lines.map(([documented, end]) => {
    const line = documented.replace(/^bpfsnoop/, 'fsnoop');
    return [documented, `export PATH=$PATH:/usr/local/bin; ${line} ${end}`] as const;
  });
  run = await guestSession({
    files: [{ path: program.path }, { path: '/usr/sbin/bpftool' }],
    timeoutMs: 1_800_000,
    stepTimeoutMs: 120_000,
    steps: { prepare: makeXdp, ...Object.fromEntries(steps) },
  });
}, 1_900_000);

afterAll(() => program[Symbol.asyncDispose]());

test('nothing is wrong with the kernel', () => {
  expect(run.steps['prepare']).toMatchObject({ status: 0 });
  expect(run.splats).toEqual([]);
});

test.each(lines)('%s', (documented, _, shown) => {
  const { stdout = '', stderr = '' } = run.steps[documented] ?? {};
  expect(stderr).not.toMatch(/Error: |This is a bug/);
  expect(`${stdout}${stderr}`.replace(/\s+/g, ' ')).toMatch(shown);
});
