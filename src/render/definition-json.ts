/**
 * A definition for programs, one object a line:
 *
 *	{"type":"struct","name":"path","bytes":16,"members":[{"name":"mnt","type":"struct vfsmount *","bitOffset":0,"bits":64},…]}
 *	{"type":"enum","name":"zone_type","bytes":4,"values":[{"name":"ZONE_DMA","value":0},…]}
 *	{"type":"typedef","name":"size_t","bytes":8,"of":"__kernel_size_t","resolved":"unsigned long"}
 *	{"type":"function","name":"vfs_read","proto":"ssize_t vfs_read(…)","returns":"ssize_t","args":[{"name":"file","type":"struct file *"},…],"variadic":false}
 *
 * What is defined in place, as an anonymous struct, has its own "members" or "values" there.
 */
import type { Body, Definition } from '../symbols/definition.js';

export function renderDefinitionJson(definition: Definition): string {
  return `${JSON.stringify(toJson(definition))}\n`;
}

function toJson(definition: Definition): unknown {
  switch (definition.kind) {
    case 'struct':
    case 'union':
    case 'enum': {
      const { kind, name, bytes } = definition;
      return { type: kind, name, bytes, ...contentOf(definition) };
    }
    case 'typedef': {
      const { kind, name, bytes, type, resolved, body } = definition;
      return { type: kind, name, bytes, of: type, resolved, ...contentOf(body) };
    }
    case 'function': {
      const { kind, name, prototype, returns, args, variadic } = definition;
      return { type: kind, name, proto: prototype, returns, args, variadic };
    }
    case 'declared':
    case 'int':
    case 'float': {
      const { kind, name, bytes } = definition;
      return { type: kind, name, bytes };
    }
  }
}

/** Members of a struct or a union, values of an enum. */
function contentOf(body: Body | null): object {
  if (body === null) return {};
  if (body.kind === 'enum') {
    return { values: body.values.map(({ name, value }) => ({ name, value: toNumber(value) })) };
  }
  return {
    members: body.members.map((member) => ({
      name: member.name,
      type: member.type,
      bitOffset: member.bitOffset,
      bits: member.bits,
      ...(member.isBitField ? { bitField: true } : {}),
      ...contentOf(member.body),
    })),
  };
}

/** A string where a double can't hold it. */
function toNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}
