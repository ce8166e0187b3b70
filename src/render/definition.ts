// A definition as C: offsets and sizes in bytes behind the members, what no member uses, and of bit
// fields the bit that they begin at.
//
//	struct path {
//	        struct vfsmount *mnt;   /* 0     8 */
//	        unsigned int flags:3;   /* 8:0  :3 */
//	        /* 5 bits and 7 bytes unused */
//	};  /* 16 bytes */
import type {
  Body,
  Composite,
  Defined,
  Definition,
  MemberDefinition,
} from '../symbols/definition.js';

/** A line of C; those of members say where they lie. */
interface Line {
  readonly text: string;
  readonly place?: Pick<MemberDefinition, 'bitOffset' | 'bits' | 'isBitField'>;
}

const indent = ' '.repeat(8);
/** Longer declarations push their comment to the right. */
const widestColumn = 60;

/** Ends with a line break. */
export function renderDefinition(definition: Definition): string {
  switch (definition.kind) {
    case 'struct':
    case 'union':
    case 'enum':
      return renderBody(`${definition.kind} ${definition.name}`, definition, '');
    case 'typedef':
      return renderTypedef(definition);
    case 'function':
      return `${definition.prototype};\n`;
    case 'declared':
      return `${definition.name};  /* only declared */\n`;
    case 'int':
    case 'float':
      return `${definition.name}  /* ${formatBytes(definition.bytes)} */\n`;
  }
}

function renderTypedef(definition: Definition & { kind: 'typedef' }): string {
  const { qualifiers, declarator, declaration, body, bytes, type, resolved } = definition;
  if (body !== null)
    return renderBody(words('typedef', qualifiers, body.kind), body, ` ${declarator}`);
  const below = resolved === type || bytes === 0 ? '' : `: ${resolved}`;
  const size = bytes === 0 ? '' : `  /* ${formatBytes(bytes)}${below} */`;
  return `typedef ${declaration};${size}\n`;
}

function renderBody(head: string, body: Body, declarator: string): string {
  const lines = drawBody(body, 1);
  const size = formatBytes(body.bytes);
  return [`${head.trim()} {`, ...alignPlaces(lines), `}${declarator};  /* ${size} */`, ''].join(
    '\n',
  );
}

function drawBody(body: Body, level: number): Line[] {
  if (body.kind === 'enum') return drawValues(body.values, level);
  const lines: Line[] = [];
  let end = body.bitOffset;
  for (const member of body.members) {
    lines.push(...drawUnused(body, end, member.bitOffset, level), ...drawMember(member, level));
    end = Math.max(end, member.bitOffset + member.bits);
  }
  // what is behind a flexible array is where its elements begin
  if (body.members.at(-1)?.bits === 0) return lines;
  return [...lines, ...drawUnused(body, end, body.bitOffset + 8 * body.bytes, level)];
}

function drawMember(member: MemberDefinition, level: number): Line[] {
  const before = indent.repeat(level);
  const { body, declaration, bits, isBitField } = member;
  const width = isBitField ? `:${bits}` : '';
  if (body === null) return [{ text: `${before}${declaration}${width};`, place: member }];
  return [
    { text: `${before}${formatOpening(member, body)}` },
    ...drawBody(body, level + 1),
    { text: `${before}${words('}', member.declarator)}${width};`, place: member },
  ];
}

const formatOpening = ({ qualifiers }: Defined, { kind }: Body) => words(qualifiers, kind, '{');

/** What lies between two members of a struct, or behind the last one. */
function drawUnused({ kind, members }: Composite, from: number, to: number, level: number): Line[] {
  if (kind === 'union' || members.length === 0 || to <= from) return [];
  const bits = (to - from) % 8;
  const bytes = (to - from - bits) / 8;
  const parts = [
    bits === 0 ? '' : `${bits} ${bits === 1 ? 'bit' : 'bits'}`,
    bytes === 0 ? '' : formatBytes(bytes),
  ].filter((part) => part !== '');
  return [{ text: `${indent.repeat(level)}/* ${parts.join(' and ')} unused */` }];
}

/** Enums of large values, which are mostly flags, are hexadecimal. */
function drawValues(values: (Body & { kind: 'enum' })['values'], level: number): Line[] {
  const isLarge = values.some(({ value }) => value > 0xffffn);
  const isHex = isLarge && values.every(({ value }) => value >= 0n);
  return values.map(({ name, value }) => ({
    text: `${indent.repeat(level)}${name} = ${isHex ? `0x${value.toString(16)}` : value.toString()},`,
  }));
}

/** Comments stand one below the other, and their numbers too. */
function alignPlaces(lines: readonly Line[]): string[] {
  const placed = lines.flatMap(({ text, place }) =>
    place === undefined ? [] : [{ text, ...place }],
  );
  const column = Math.min(widestColumn, Math.max(0, ...placed.map(({ text }) => text.length)));
  const last = Math.max(0, ...placed.map(({ bitOffset }) => Math.floor(bitOffset / 8)));
  const largest = Math.max(0, ...placed.map(({ bits }) => Math.ceil(bits / 8)));
  const hasFields = placed.some(({ isBitField }) => isBitField);
  return lines.map(({ text, place }) => {
    if (place === undefined) return text;
    const { bitOffset, bits, isBitField } = place;
    const byte = String(Math.floor(bitOffset / 8)).padStart(String(last).length);
    const bit = isBitField ? `:${bitOffset % 8}` : hasFields ? '  ' : '';
    const size = isBitField ? `:${bits}` : String(bits / 8);
    return `${text.padEnd(column)}  /* ${byte}${bit}  ${size.padStart(String(largest).length)} */`;
  });
}

const formatBytes = (bytes: number) => `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;

const words = (...some: readonly string[]) => some.filter((word) => word !== '').join(' ');
