/** Addresses to listen on, as people write them: `:9435`, `0.0.0.0:9435`, `[::1]:0`. */
import { isIPv4, isIPv6 } from 'node:net';
import { exitStatus, Failure } from '../failure.js';

export interface ListenAddress {
  /** An address of this machine: IPv4 or IPv6. */
  readonly host: string;
  /** 0: the system picks one. */
  readonly port: number;
}

/** Where no address is given, nobody else is to read. */
const loopback = '127.0.0.1';
const mostPort = 65_535;

/** @throws {Failure} when it is none, naming the flag */
export function parseListenAddress(flag: string, text: string): ListenAddress {
  const [, bracketed, plain = '', digits] =
    /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const host = bracketed ?? (plain === '' || plain === 'localhost' ? loopback : plain);
  const isAddress = bracketed === undefined ? isIPv4(host) : isIPv6(host);
  if (isAddress && port <= mostPort) return { host, port };
  throw new Failure(
    exitStatus.usage,
    `${flag} '${text}' is no address to listen on.`,
    `With a port alone, for this machine: ${flag} :9435; with 0 the system picks one`,
    `Or with an address of this machine: ${flag} 0.0.0.0:9435, ${flag} '[::]:9435'`,
  );
}

/** `127.0.0.1:9435`, `[::1]:9435`. */
export const formatAddress = ({ host, port }: ListenAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
