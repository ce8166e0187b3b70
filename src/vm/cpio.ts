/** A cpio archive in the `newc` format, which the kernel unpacks as its first file system. */

export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  /** File type and permissions, as in `st_mode`. */
  readonly mode: number;
  /** A file's bytes, a link's target; empty for a directory. */
  readonly content: Buffer;
}

/** The archive's bytes. Archives can be put one behind the other: the kernel unpacks them in turn. */
export function encodeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const { path, mode, content } of [...withParents(entries), trailer]) {
    const name = Buffer.from(`${path}\0`);
    // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
    const fields = [0, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    parts.push(padded(Buffer.concat([Buffer.from(header), name])), padded(content));
  }
  return Buffer.concat(parts);
}

export function directory(path: string): CpioEntry {
  return { path, mode: 0o040755, content: Buffer.alloc(0) };
}

export function link(path: string, target: string): CpioEntry {
  return { path, mode: 0o120777, content: Buffer.from(target) };
}

export function file(path: string, content: Buffer | string, permissions = 0o644): CpioEntry {
  return { path, mode: 0o100000 | permissions, content: Buffer.from(content) };
}

const trailer: CpioEntry = { path: 'TRAILER!!!', mode: 0, content: Buffer.alloc(0) };

/** The same entries, each behind the directories it lies in, and nothing twice. */
function withParents(entries: readonly CpioEntry[]): readonly CpioEntry[] {
  const all = new Map<string, CpioEntry>();
  for (const entry of entries) {
    const names = entry.path.split('/');
    for (let depth = 1; depth < names.length; depth++) {
      const parent = names.slice(0, depth).join('/');
      if (!all.has(parent)) all.set(parent, directory(parent));
    }
    all.set(entry.path, entry);
  }
  return [...all.values()];
}

function padded(bytes: Buffer): Buffer {
  return bytes.length % 4 === 0
    ? bytes
    : Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}
