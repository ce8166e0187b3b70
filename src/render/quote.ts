/** Strings of the kernel's memory, quoted as in C. */

const escapes: Readonly<Record<number, string>> = {
  9: '\\t',
  10: '\\n',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

/** What could command the terminal, or turn the text around it; also what shows as nothing. */
const unseen = /[\p{C}\p{Zl}\p{Zp}]/u;

/** `"tab\t \"quoted\" caf\xe9 ü"`: valid UTF-8 stays, all that is no text is escaped. */
export function quote(bytes: Uint8Array): string {
  let quoted = '"';
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at] ?? 0;
    const letter = byte < 0x80 ? '' : readLetter(bytes, at);
    if (letter !== '') {
      quoted += letter;
      at += utf8Bytes(byte);
      continue;
    }
    quoted += escapes[byte] ?? (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : hex(byte));
    at++;
  }
  return `${quoted}"`;
}

/** Whether quote() would keep each byte as it is. */
export function isText(bytes: Uint8Array): boolean {
  return !quote(bytes).includes('\\');
}

const hex = (byte: number) => `\\x${byte.toString(16).padStart(2, '0')}`;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The letter beyond ASCII that begins here, '' where there is none that can be seen. */
function readLetter(bytes: Uint8Array, at: number): string {
  const length = utf8Bytes(bytes[at] ?? 0);
  if (length === 0 || at + length > bytes.length) return '';
  try {
    const letter = strict.decode(bytes.subarray(at, at + length));
    return unseen.test(letter) ? '' : letter;
  } catch {
    return '';
  }
}

/** Of the letter that this byte begins; 0 where none begins so. */
function utf8Bytes(first: number): 0 | 2 | 3 | 4 {
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}
