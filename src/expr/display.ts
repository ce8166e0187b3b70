/** What a packet begins with: `ip` is one of both versions. */
export const packetLayers = ['eth', 'ip', 'ip4', 'ip6', 'icmp', 'icmp6', 'tcp', 'udp'] as const;

export type PacketLayer = (typeof packetLayers)[number];

/**
 * How the bytes of a value are shown: as their type says, of a struct all fields or those that are not
 * zero; or, whatever the type, as a string with its zero, as bytes, as hexadecimal digits, as one or
 * more addresses of a network or ports, in the order in which they are sent, as the headers of a packet.
 */
export type Display =
  | 'value'
  | 'nonZero'
  | 'string'
  | 'bytes'
  | 'hex'
  | 'ip4'
  | 'ip6'
  | 'mac'
  | 'port'
  | `packet ${PacketLayer}`;

/** Of `packet ip`: `ip`. */
export const layerOf = (display: `packet ${PacketLayer}`): PacketLayer =>
  display.slice('packet '.length) as PacketLayer;
