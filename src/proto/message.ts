/** The typed face of the protobuf layer: message literals in, bytes out, and back. Names are full protobuf names. */
import { decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import type { MessageTypes } from './generated/messages.ts';
import type { AnyMessage } from './shape.ts';
import { typeUrlPrefix } from './type-url.ts';

export type { AnyMessage, MessageTypes };

export type MessageName = keyof MessageTypes;

/** Wraps a message as google.protobuf.Any; it is packed when the message around it is encoded. Nests to any depth. */
export function any<N extends MessageName>(name: N, value: MessageTypes[N]): AnyMessage {
  return Object.freeze({ '@type': `${typeUrlPrefix}${name}`, value });
}

/**
 * Encodes canonically: fields by number, map keys sorted, proto3 zeros left out. Equal content gives equal bytes.
 *
 * @throws InvalidMessage naming the full path of an unknown field, a value of the wrong type, an unknown enum value or a
 *   second member of a oneof
 */
export function encode<N extends MessageName>(name: N, value: MessageTypes[N]): Uint8Array {
  return encodeMessage(name, value);
}

/**
 * Decodes to the literal form, with nested Any unpacked as `{ '@type', value }` (or `{ '@type', bytes }` if the type is
 * unknown). Fields that the declarations do not know are skipped.
 *
 * @throws Error if the bytes are malformed
 */
export function decode<N extends MessageName>(name: N, bytes: Uint8Array): MessageTypes[N];
// An overload: the interfaces are generated from the declarations that decoding follows, which types cannot show.
export function decode(name: MessageName, bytes: Uint8Array): unknown {
  return decodeMessage(name, bytes, 'object');
}

/** Decodes to protobuf's JSON form with proto field names, in a fixed key order: for printing and comparing. */
export function toJson(name: MessageName, bytes: Uint8Array): unknown {
  return decodeMessage(name, bytes, 'json');
}
