/** JSON in ASCII: V8 writes a string of bytes several times as fast as one that may need UTF-8. */

const beyond = /[\u0080-\uffff]/g;

/** As JSON.stringify(), with `\u2026` for what is no ASCII. */
export function printJson(value: unknown): string {
  return JSON.stringify(value).replace(beyond, escape);
}

const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
