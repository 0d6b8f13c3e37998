/** How message literals write the values that protobuf has no plain form for: Any, durations, times, 64-bit numbers, JSON. */

/** A 64-bit integer: a number while it is safe, decimal digits beyond that. */
export type Integer64 = number | string;

/** google.protobuf.Duration: '5s', '0.25s' or the message itself. Decoding always gives text. */
export type Duration = `${number}s` | { readonly seconds?: Integer64; readonly nanos?: number };

/** google.protobuf.Timestamp: RFC 3339 text in UTC, or the message itself. Decoding always gives text. */
export type Timestamp = string | { readonly seconds?: Integer64; readonly nanos?: number };

/** google.protobuf.Value. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** google.protobuf.Struct. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * google.protobuf.Any: a message under its type URL, or bytes that are already encoded (also what decoding gives for a
 * type nobody knows). Made by `any`, which checks the message's type.
 */
export type AnyMessage =
  { readonly '@type': string; readonly value: unknown } | { readonly '@type': string; readonly bytes: Uint8Array };
