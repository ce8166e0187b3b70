/** Functions of a plan as plain JSON, and back: what is needed to show their calls. */
import type { CapturedValue } from '../plan/capture.js';
import type { PlannedFunction } from '../plan/plan.js';
import type { Type } from '../symbols/type.js';
import { typeAt, TypePacker, unpackTypes, type PackedType } from './types.js';

/** With its type as a number. */
type Packed<Value extends { readonly type: Type }> = Omit<Value, 'type'> & {
  readonly type: number;
};
type Parameter = PlannedFunction['parameters'][number];
type Meaning = NonNullable<PlannedFunction['outputs'][number]>;

interface PackedFunction extends Pick<
  PlannedFunction,
  'name' | 'module' | 'root' | 'returnsName' | 'argSlots'
> {
  readonly returns: number;
  readonly parameters: readonly Packed<Omit<Parameter, 'typeId'>>[];
  readonly entryValues: readonly Packed<CapturedValue>[];
  readonly returnValues: readonly Packed<CapturedValue>[];
  readonly outputs: readonly (Packed<Meaning> | null)[];
}

export interface PackedFunctions {
  readonly types: readonly PackedType[];
  readonly functions: readonly PackedFunction[];
}

export function packFunctions(functions: readonly PlannedFunction[]): PackedFunctions {
  const packer = new TypePacker();
  const pack = <Value extends { readonly type: Type }>(value: Value): Packed<Value> => ({
    ...value,
    type: packer.numberOf(value.type),
  });
  const packed = functions.map((planned): PackedFunction => {
    const { name, module, root, returnsName, argSlots } = planned;
    return {
      ...{ name, module, root, returnsName, argSlots },
      returns: packer.numberOf(planned.returns),
      parameters: planned.parameters.map(({ name, type, typeName, declaration, slot, slots }) =>
        pack({ name, type, typeName, declaration, slot, slots }),
      ),
      entryValues: planned.entryValues.map(pack),
      returnValues: planned.returnValues.map(pack),
      outputs: planned.outputs.map((meaning) => meaning && pack(meaning)),
    };
  });
  return { types: packer.types, functions: packed };
}

/**
 * @param tracepoints how many of them, at the end, are tracepoints
 * @throws {RangeError} when a type is missing
 */
export function unpackFunctions(
  { types: list, functions }: PackedFunctions,
  tracepoints: number,
): PlannedFunction[] {
  const types = unpackTypes(list);
  const unpack = <Value extends { readonly type: number }>(value: Value) => ({
    ...value,
    type: typeAt(types, value.type),
  });
  return functions.map((packed, place) => ({
    ...packed,
    kind: place >= functions.length - tracepoints ? 'tracepoint' : undefined,
    returns: typeAt(types, packed.returns),
    parameters: packed.parameters.map((parameter) => ({ ...unpack(parameter), typeId: 0 })),
    entryValues: packed.entryValues.map(unpack),
    returnValues: packed.returnValues.map(unpack),
    outputs: packed.outputs.map((meaning) => meaning && unpack(meaning)),
    // of the kernel that it was recorded on, and of no use any more
    ...{ btfId: 0, reason: null, program: null },
  }));
}
