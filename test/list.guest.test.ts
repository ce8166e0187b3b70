/** `fsnoop list` and `fsnoop types` on a real kernel, with bpftool as a witness. */
import { beforeAll, expect, test } from 'vitest';
import { guestSession, type GuestSession } from './guest.js';

/**
 * Says how fsnoop and bpftool differ, given what bpftool tells of BTF and what fsnoop said: of the
 * functions with an argument `struct sk_buff *skb`, and of the members of structs.
 */
const compare = `
import { readFileSync } from 'node:fs';

const read = (name) => readFileSync(name, 'utf8');
const lines = (name) => read(name).trim().split('\\n');
const types = JSON.parse(read('btf.json')).types;
const byId = new Map(types.map((type) => [type.id, type]));
const toSkb = (id, wanted) => {
  const type = byId.get(id);
  if (type === undefined) return false;
  if (type.kind === 'CONST' || type.kind === 'TYPEDEF') return toSkb(type.type_id, wanted);
  if (type.kind === 'PTR' && wanted === 'PTR') return toSkb(type.type_id, 'STRUCT');
  return type.kind === wanted && type.name === 'sk_buff';
};
const first = new Map();
for (const type of types) if (type.kind === 'FUNC' && !first.has(type.name)) first.set(type.name, type);
const takesSkb = ({ type_id }) =>
  byId.get(type_id).params.some(({ name, type_id }) => name === 'skb' && toSkb(type_id, 'PTR'));
const differ = (ours, theirs) => ({
  compared: theirs.size,
  missing: [...theirs].filter((name) => !ours.has(name)),
  surplus: [...ours].filter((name) => !theirs.has(name)),
});

const draw = (name, bytes, members) => [name, bytes, ...members].join(' ');
const structs = types
  .filter(({ kind, name }) => kind === 'STRUCT' && name.startsWith('s'))
  .map(({ name, size, members }) =>
    draw(name, size, members.map((member) => [member.name.replace('(anon)', ''), member.bits_offset])));
console.log(JSON.stringify({
  functions: differ(
    new Set(lines('skb.txt')),
    new Set([...first.values()].filter(takesSkb).map(({ name }) => name)),
  ),
  structs: differ(
    new Set(lines('structs.txt').map((line) => JSON.parse(line)).map(({ name, bytes, members }) =>
      draw(name, bytes, members.map((member) => [member.name, member.bitOffset])))),
    new Set(structs),
  ),
}));
`;

/** Says whether the tables in memory make the text of /proc/kallsyms, and what that has more. */
const compareSymbols = `
import { readFileSync } from 'node:fs';

const dist = '/usr/lib/node_modules/fsnoop/dist';
const { loadNative } = await import(dist + '/attach/native.js');
const { findKallsyms, readKallsyms } = await import(dist + '/symbols/kallsyms-tables.js');
const { openKcore } = await import(dist + '/symbols/kcore.js');
const kcore = openKcore();
const places = findKallsyms(kcore.note('VMCOREINFO').toString('latin1'));
const tables = readKallsyms(places, (address, bytes) => kcore.read(address, bytes));
const printed = loadNative().printKallsyms(tables);
const told = readFileSync('/proc/kallsyms');
const rest = told.subarray(printed.length).toString('latin1').replace(/^.*\\t\\[bpf\\]\\n/gm, '');
console.log(JSON.stringify({ isSame: printed.equals(told.subarray(0, printed.length)), rest }));
`;

const steps = {
  text: "fsnoop list 'vfs_rea*' _printk do_exit",
  json: 'fsnoop list vfs_read _printk --format json',
  refused: "fsnoop list --refused 'vfs_rea*' _printk",
  count: 'fsnoop list --count --format json',
  unknown: 'fsnoop list vfs_raed',
  head: 'fsnoop list | head -n 1',
  proto: 'fsnoop list --proto vfs_read _printk',
  'proto json': 'fsnoop list --proto --format json vfs_read',
  'by argument': "fsnoop list 'vfs_*:count' 'vfs_rea*:(loff_t *)'",
  'no such type': "fsnoop list '*:(struct sk_buf *)'",
  'no such argument': "fsnoop -k 'vfs_read:nothing'",
  'roots by argument':
    "fsnoop -k '*:(struct file *)file' --dry-run --format json | grep -o '\"vfs_read\"'",
  // who may not trace, and without tracefs
  types: `
    echo nobody:x:65534:65534::/:/bin/sh >>/etc/passwd
    umount /sys/kernel/tracing
    cd /; su nobody -c 'fsnoop types "struct path" vfs_read'`,
  'type proto': "mount -t tracefs tracefs /sys/kernel/tracing; fsnoop -C 'struct path,gfp_t'",
  'func proto': 'fsnoop -k vfs_read --show-func-proto',
  many: "fsnoop types 'struct s*'",
  'unknown type': 'fsnoop types struct_file',
  compare: `
    bpftool -j btf dump file /sys/kernel/btf/vmlinux >btf.json
    fsnoop list '*:(struct sk_buff *)skb' --format json | sed 's/.*"function":"\\([^"]*\\).*/\\1/' >skb.txt
    fsnoop types --all --format json 'struct s*' | grep '^{"type":"struct"' >structs.txt
    cat >compare.mjs <<'END'
${compare}
END
    node compare.mjs`,
  'closed pipes': `set -o pipefail
    fsnoop list | head -n 1 >/dev/null; echo $?
    fsnoop list --tracepoints | true; echo $?
    fsnoop types --all 'struct s*' | head -n 1 >/dev/null; echo $?
    fsnoop -C 'struct task_struct' | true; echo $?
    fsnoop -S -k 'vfs_*' | true; echo $?`,
  tables: `cat >symbols.mjs <<'END'
${compareSymbols}
END
    node symbols.mjs`,
  all: 'fsnoop list | md5sum',
  'without kcore': "mount --bind /dev/null /proc/kcore; fsnoop list 'vfs_rea*' _printk do_exit",
  'all without kcore': 'fsnoop list | md5sum',
};

const vfsRead = 'ssize_t vfs_read(struct file *file, char *buf, size_t count, loff_t *pos)';
const structPath = `\
struct path {
        struct vfsmount *mnt;   /* 0  8 */
        struct dentry *dentry;  /* 8  8 */
};  /* 16 bytes */
`;

let guest: GuestSession<keyof typeof steps>;

beforeAll(async () => {
  guest = await guestSession({
    steps,
    files: [{ path: '/usr/sbin/bpftool' }],
    timeoutMs: 900_000,
    stepTimeoutMs: 180_000,
  });
}, 1_000_000);

test('lists functions by name, and says why some can not be traced', () => {
  expect(guest.steps.text.stdout.split('\n').map((line) => line.split(/\s+/, 2).join(' '))).toEqual(
    ['_printk variadic', 'do_exit no-return', 'vfs_read', 'vfs_readlink', 'vfs_readv', ''],
  );
});

test('the same for programs', () => {
  expect(guest.steps.json.stdout).toBe(
    `{"type":"function","function":"_printk","module":null,"traceable":false,"reason":"variadic"}
{"type":"function","function":"vfs_read","module":null,"traceable":true,"reason":null}
`,
  );
});

test('only what is refused', () => {
  expect(guest.steps.refused.stdout).toMatch(/^_printk +variadic\n$/);
});

test('counts: most functions of the kernel can be traced', () => {
  const [first = ''] = guest.steps.count.stdout.split('\n');
  const { traceable, functions } = JSON.parse(first) as { traceable: boolean; functions: number };
  expect(traceable).toBe(true);
  expect(functions).toBeGreaterThan(38_000);
});

test('an unknown name has its nearest, and the status of wrong usage', () => {
  expect(guest.steps.unknown).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(
      /'vfs_raed' is no function of [^]*Did you mean: .*vfs_read/,
    ) as unknown,
  });
});

test('ends quietly when nobody reads on', () => {
  expect(guest.steps.head.stderr).toBe('');
  expect(guest.steps.head.stdout.split('\n')).toHaveLength(2);
});

test('has prototypes, with the reason of those that can not be traced', () => {
  expect(guest.steps.proto.stdout).toMatch(/^int _printk\(const char \*fmt, \.\.\.\) +variadic$/m);
  expect(guest.steps.proto.stdout).toContain(`${vfsRead}\n`);
  expect(JSON.parse(guest.steps['proto json'].stdout)).toMatchObject({
    function: 'vfs_read',
    proto: vfsRead,
  });
  expect(guest.steps['func proto']).toMatchObject({ status: 0, stdout: `${vfsRead}\n` });
});

test('finds functions by the name and by the type of an argument', () => {
  const names = guest.steps['by argument'].stdout.split('\n').map((line) => line.split(' ')[0]);
  expect(names).toEqual(expect.arrayContaining(['vfs_read', 'vfs_readv', 'vfs_write']));
  expect(names).not.toContain('vfs_readlink');
  expect(guest.steps['roots by argument'].stdout).toBe('"vfs_read"\n');
});

test('a reader that leaves is told by the status', () => {
  expect(guest.steps['closed pipes']).toMatchObject({ stdout: '141\n'.repeat(5), stderr: '' });
});

test('an unknown type has its nearest, an unknown argument what to look at', () => {
  expect(guest.steps['no such type']).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(
      /no type struct sk_buf\.[^]*Did you mean: struct sk_buff/,
    ) as unknown,
  });
  expect(guest.steps['no such argument']).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('vfs_read has no argument nothing.') as unknown,
  });
});

test('shows types to everybody, without tracefs', () => {
  expect(guest.steps.types).toMatchObject({
    status: 0,
    stderr: '',
    stdout: `${structPath}\n${vfsRead};\n`,
  });
  expect(guest.steps['type proto']).toMatchObject({
    status: 0,
    stdout: `${structPath}\ntypedef unsigned int gfp_t;  /* 4 bytes */\n`,
  });
});

test('names many types, and says how to see them', () => {
  expect(guest.steps.many.stdout).toMatch(/^struct sk_buff$/m);
  expect(guest.steps.many.stderr).toMatch(
    /^\d+ types match; for their definitions: fsnoop types --all 'struct s\*'\n$/,
  );
  expect(guest.steps['unknown type']).toMatchObject({ status: 2, stdout: '' });
});

test('agrees with bpftool: functions with an argument, members of structs and their places', () => {
  interface Difference {
    readonly compared: number;
    readonly missing: readonly string[];
    readonly surplus: readonly string[];
  }
  const same = { missing: [], surplus: [] };
  const found = JSON.parse(guest.steps.compare.stdout) as Record<
    'functions' | 'structs',
    Difference
  >;
  expect(found).toMatchObject({ functions: same, structs: same });
  expect(found.functions.compared).toBeGreaterThan(1000);
  expect(found.structs.compared).toBeGreaterThan(300);
});

test('symbols from the tables in memory are what /proc/kallsyms has', () => {
  expect(JSON.parse(guest.steps.tables.stdout)).toEqual({ isSame: true, rest: '' });
});

test('knows from memory what ftrace can patch, as tracefs lists it', () => {
  const { all, 'all without kcore': listed } = guest.steps;
  expect(all.stdout).toMatch(/^[0-9a-f]{32}/);
  expect(all.stdout).toBe(listed.stdout);
});

test('lists the same where memory can not be read', () => {
  expect(guest.steps['without kcore']).toMatchObject({
    stdout: guest.steps.text.stdout,
    stderr: '',
    status: 0,
  });
});

test('the kernel log is clean', () => {
  expect(guest.splats).toEqual([]);
});
