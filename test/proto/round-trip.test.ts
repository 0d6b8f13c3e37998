/** Properties of encoding that hold for every message there is, with protobufjs as the second opinion on the wire format. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import protobuf from 'protobufjs';
import { decodeMessage } from '../../src/proto/decode.ts';
import { encodeMessage } from '../../src/proto/encode.ts';
import { any, encode } from '../../src/proto/message.ts';
import { messagePlan } from '../../src/proto/plan.ts';
import type { ScalarType } from '../../src/proto/scalar.ts';
import { arbitraryMessage } from './arbitrary-message.ts';

const generated = new URL('../../src/proto/generated/', import.meta.url);
const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(new URL('bundle.json', generated), 'utf8')));
const names = [...readFileSync(new URL('messages.ts', generated), 'utf8').matchAll(/^ {2}'([\w.]+)': /gm)].map(
  ([, name]) => name ?? '',
);

const messages = fc.constantFrom(...names).chain((name) => fc.tuple(fc.constant(name), arbitraryMessage(name, 3)));

const longKeys: ReadonlySet<unknown> = new Set<ScalarType>(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);

describe('every message', () => {
  it('that has a type is in the bundle', () => {
    expect(names.length).toBeGreaterThan(300);
    expect(names.filter((name) => messagePlan(name) === undefined)).toEqual([]);
  });

  it('gives the same bytes after decoding and encoding again', () => {
    fc.assert(
      fc.property(messages, ([name, value]) => {
        const bytes = encodeMessage(name, value);
        expect(encodeMessage(name, decodeMessage(name, bytes, 'object'))).toEqual(bytes);
      }),
    );
  });

  it('gives the same bytes whatever the order of its keys', () => {
    fc.assert(
      fc.property(messages, ([name, value]) => {
        expect(encodeMessage(name, reversed(value))).toEqual(encodeMessage(name, value));
      }),
    );
  });

  it('is read by protobufjs completely and written back as the same message', () => {
    // protobufjs 7 writes a 64-bit map key back as 0, so for those it is no second opinion.
    const writable = fc.constantFrom(...names).chain((name) =>
      fc.tuple(
        fc.constant(name),
        arbitraryMessage(name, 3, ({ keyType }) => !longKeys.has(keyType)),
      ),
    );
    fc.assert(
      fc.property(writable, ([name, value]) => {
        const bytes = encodeMessage(name, value);
        const type = root.lookupType(name);
        // Objects put number-like keys first, so the entries of a map may come back in another order.
        const written = Uint8Array.from(type.encode(type.decode(bytes)).finish());
        expect(written.length).toBe(bytes.length);
        expect(encodeMessage(name, decodeMessage(name, written, 'object'))).toEqual(bytes);
      }),
    );
  });
});

it('a 64-bit map key is a varint of its whole width', () => {
  const bytes = (positions: object) =>
    Buffer.from(encodeMessage('google.api.expr.v1alpha1.SourceInfo', { positions })).toString('hex');
  expect(bytes({ '1': 0 })).toBe('220408011000');
  expect(bytes({ '9007199254740991': 5 })).toBe('220b08ffffffffffffff0f1005');
});

it('protobufjs decodes our bytes to the object that was written', () => {
  const bytes = encode('envoy.config.route.v3.RouteConfiguration', {
    name: 'http',
    virtual_hosts: [
      {
        name: 'http/shop.example.com',
        domains: ['shop.example.com'],
        routes: [
          {
            match: { path_separated_prefix: '/api' },
            route: {
              cluster: 'shop',
              timeout: '60s',
              retry_policy: { num_retries: 2, retriable_status_codes: [502, 503] },
            },
            typed_per_filter_config: { b: any('google.protobuf.Empty', {}), a: any('google.protobuf.BoolValue', true) },
          },
        ],
        require_tls: 'ALL',
      },
    ],
  });
  const type = root.lookupType('envoy.config.route.v3.RouteConfiguration');
  expect(type.toObject(type.decode(bytes), { enums: String, longs: Number, bytes: String, json: true })).toEqual({
    name: 'http',
    virtual_hosts: [
      {
        name: 'http/shop.example.com',
        domains: ['shop.example.com'],
        routes: [
          {
            match: { path_separated_prefix: '/api' },
            route: {
              cluster: 'shop',
              timeout: { seconds: 60 },
              retry_policy: { num_retries: { value: 2 }, retriable_status_codes: [502, 503] },
            },
            typed_per_filter_config: {
              a: { '@type': 'type.googleapis.com/google.protobuf.BoolValue', value: true },
              b: { '@type': 'type.googleapis.com/google.protobuf.Empty' },
            },
          },
        ],
        require_tls: 'ALL',
      },
    ],
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, member]) => [key, reversed(member)])
      .toReversed(),
  );
}
