/** The headers of a packet, outermost first, with the names that the kernel has for their fields. */
import type { PacketLayer } from '../../expr/display.js';
import { readIp4, readIp6, readMac, readSent, word } from './net.js';
import type { NamedValue, Value } from './read.js';

/** One header: what is told of it, how long it is, and what comes behind it. */
interface Header {
  readonly name: string;
  readonly fields: readonly NamedValue[];
  readonly bytes: number;
  readonly next: PacketLayer | null;
}

type Parse = (bytes: Uint8Array) => Header;

/** Up to the payload, or to what is no header that is known here; what was not captured is cut off. */
export function readPacket(first: PacketLayer, bytes: Uint8Array): Value {
  const headers: NamedValue[] = [];
  let rest = bytes;
  for (let layer: PacketLayer | null = first; layer !== null;) {
    const [least, parse]: readonly [number, Parse] = parsers[layer];
    if (rest.length < least) return struct(headers, true);
    const { name, fields, bytes: length, next }: Header = parse(rest);
    headers.push({ name, value: struct(fields, false) });
    rest = rest.subarray(length);
    layer = next;
  }
  return struct(headers, false);
}

const struct = (fields: readonly NamedValue[], isCut: boolean): Value => ({
  type: 'struct',
  fields,
  isCut,
  isZero: false,
});

/** By layer: the fewest bytes of its header. */
const parsers: Readonly<Record<PacketLayer, readonly [number, Parse]>> = {
  eth: [14, parseEthernet],
  ip: [20, (bytes) => ((bytes[0] ?? 0) >> 4 === 6 ? parseIp6(bytes) : parseIp4(bytes))],
  ip4: [20, parseIp4],
  ip6: [40, parseIp6],
  icmp: [8, (bytes) => parseIcmp('icmp', bytes)],
  icmp6: [8, (bytes) => parseIcmp('icmp6', bytes)],
  tcp: [20, parseTcp],
  udp: [8, parseUdp],
};

const number = (bytes: Uint8Array, at: number, length: number): number =>
  bytes.subarray(at, at + length).reduce((sum, byte) => sum * 256 + byte, 0);

const named = (name: string, value: Value): NamedValue => ({ name, value });
const sent = (name: string, bytes: Uint8Array, at: number, length: number): NamedValue =>
  named(name, readSent(bytes.subarray(at, at + length)));

const ethernetProtocols: Readonly<Record<number, PacketLayer>> = { 0x0800: 'ip4', 0x86dd: 'ip6' };

function parseEthernet(bytes: Uint8Array): Header {
  const protocol = number(bytes, 12, 2);
  return {
    name: 'eth',
    fields: [
      named('source', readMac(bytes.subarray(6, 12))),
      named('dest', readMac(bytes.subarray(0, 6))),
      named('proto', word(`0x${protocol.toString(16).padStart(4, '0')}`)),
    ],
    bytes: 14,
    next: ethernetProtocols[protocol] ?? null,
  };
}

const protocols: Readonly<Record<number, PacketLayer>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmp6',
};

function parseIp4(bytes: Uint8Array): Header {
  const isFirst = (number(bytes, 6, 2) & 0x1fff) === 0;
  return {
    name: 'ip4',
    fields: [
      named('saddr', readIp4(bytes.subarray(12, 16))),
      named('daddr', readIp4(bytes.subarray(16, 20))),
      sent('protocol', bytes, 9, 1),
      sent('ttl', bytes, 8, 1),
      sent('id', bytes, 4, 2),
      sent('tot_len', bytes, 2, 2),
    ],
    bytes: Math.max(20, 4 * ((bytes[0] ?? 0) & 15)),
    // the fragments behind the first have no header of what they carry
    next: isFirst ? (protocols[bytes[9] ?? 0] ?? null) : null,
  };
}

function parseIp6(bytes: Uint8Array): Header {
  return {
    name: 'ip6',
    fields: [
      named('saddr', readIp6(bytes.subarray(8, 24))),
      named('daddr', readIp6(bytes.subarray(24, 40))),
      sent('nexthdr', bytes, 6, 1),
      sent('hop_limit', bytes, 7, 1),
      sent('payload_len', bytes, 4, 2),
    ],
    bytes: 40,
    next: protocols[bytes[6] ?? 0] ?? null,
  };
}

const echoes: ReadonlySet<number> = new Set([0, 8, 128, 129]);

function parseIcmp(name: string, bytes: Uint8Array): Header {
  const type = bytes[0] ?? 0;
  const isEcho = echoes.has(type);
  return {
    name,
    fields: [
      sent('type', bytes, 0, 1),
      sent('code', bytes, 1, 1),
      ...(isEcho ? [sent('id', bytes, 4, 2), sent('sequence', bytes, 6, 2)] : []),
    ],
    bytes: 8,
    next: null,
  };
}

const tcpFlags = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

function parseTcp(bytes: Uint8Array): Header {
  const flags = tcpFlags.filter((_, bit) => ((bytes[13] ?? 0) & (1 << bit)) !== 0);
  return {
    name: 'tcp',
    fields: [
      sent('source', bytes, 0, 2),
      sent('dest', bytes, 2, 2),
      sent('seq', bytes, 4, 4),
      sent('ack_seq', bytes, 8, 4),
      named('flags', word(flags.length === 0 ? '0' : flags.join('|'))),
      sent('window', bytes, 14, 2),
    ],
    bytes: 20,
    next: null,
  };
}

function parseUdp(bytes: Uint8Array): Header {
  return {
    name: 'udp',
    fields: [sent('source', bytes, 0, 2), sent('dest', bytes, 2, 2), sent('len', bytes, 4, 2)],
    bytes: 8,
    next: null,
  };
}
