/** What became of spans that were sent, for people. */
import { formatCount } from '../words/quantities.js';

export interface Sent {
  readonly spans: number;
  /** Of these the collector rejected so many. */
  readonly rejected: number;
  /** What it said. */
  readonly messages: ReadonlySet<string>;
  /** Where they were sent. */
  readonly url: string;
}

/** `Sent 5,120 spans to http://localhost:4318/v1/traces.`, and lines for what is not as it should be. */
export function renderSent({ spans, rejected, messages, url }: Sent): string {
  const lines = [`Sent ${count(spans)} to ${url}.`];
  if (rejected > 0) lines.push(`The collector rejected ${count(rejected)}.`);
  // it may say anything
  for (const message of messages) lines.push(`It says: ${message.replace(/\p{C}/gu, '?')}`);
  return `${lines.join('\n')}\n`;
}

const count = (spans: number): string => `${formatCount(spans)} ${spans === 1 ? 'span' : 'spans'}`;
