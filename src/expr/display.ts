/**
 * How the bytes of a value are shown: as their type says, of a struct all fields or those that are not
 * zero; or, whatever the type, as a string with its zero, as bytes, as hexadecimal digits, as an address
 * of a network in the order in which it is sent, as a port, which is a word of this machine.
 */
export type Display =
  'value' | 'nonZero' | 'string' | 'bytes' | 'hex' | 'ip4' | 'ip6' | 'mac' | 'port';
