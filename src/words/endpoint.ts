/** Where spans are sent, and what is said beside them, as people write it. */
import { exitStatus, Failure } from '../failure.js';

/** Behind an endpoint for all that OpenTelemetry has. */
const traces = '/v1/traces';

/**
 * Where traces go: `http://localhost:4318/v1/traces` of `http://localhost:4318`, or written as such.
 * @throws {Failure} when it is no URL of HTTP
 */
export function parseEndpoint(flag: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new Failure(
      exitStatus.usage,
      `${flag} '${text}' is no URL of a collector.`,
      `It has a scheme, a host and a port: ${flag} http://localhost:4318`,
    );
  if (!url.pathname.endsWith(traces)) url.pathname = url.pathname.replace(/\/?$/, traces);
  return url;
}

/**
 * Headers of `name=value` each. What may be secret is not repeated.
 * @throws {Failure} when one is none
 */
export function parseHeaders(
  flag: string,
  texts: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = /^([\w!#$%&'*+.^`|~-]+)=([\t\x20-\x7e\x80-\xff]*)$/.exec(text) ?? [];
      if (name === undefined || value === undefined)
        throw new Failure(
          exitStatus.usage,
          `${flag} has no name and value that HTTP could carry.`,
          `Write both: ${flag} 'authorization=Bearer TOKEN'`,
        );
      return [name, value];
    }),
  );
}
