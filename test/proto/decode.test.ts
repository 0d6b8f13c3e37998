/** What decoding gives back: the literal form for programs and the JSON form for people. */
import { describe, expect, it } from '@jest/globals';
import { any, decode, encode, toJson } from '../../src/proto/message.ts';

describe('decoding', () => {
  it('gives durations, times, wrappers, maps and Struct in the form that literals have', () => {
    const value = {
      name: 'c',
      connect_timeout: '-1.5s',
      per_connection_buffer_limit_bytes: 0,
      metadata: { filter_metadata: { sluice: { nested: { list: [1, 'two', null, false, {}] }, empty: [] } } },
    } as const;
    expect(decode('envoy.config.cluster.v3.Cluster', encode('envoy.config.cluster.v3.Cluster', value))).toEqual(value);
    const time = encode('google.protobuf.Timestamp', '2030-01-31T12:00:00.000000001Z');
    expect(decode('google.protobuf.Timestamp', time)).toBe('2030-01-31T12:00:00.000000001Z');
  });

  it('keeps 64-bit integers exact', () => {
    const bytes = encode('google.protobuf.UInt64Value', '18446744073709551615');
    expect(decode('google.protobuf.UInt64Value', bytes)).toBe('18446744073709551615');
    expect(decode('google.protobuf.Int64Value', encode('google.protobuf.Int64Value', -5))).toBe(-5);
  });

  it('unpacks nested Any as deep as they go and leaves unknown types as bytes', () => {
    const inner = any('google.protobuf.StringValue', 'deep');
    const status = {
      code: 5,
      details: [any('google.protobuf.Any', inner), { '@type': 'example.com/a.B', bytes: Uint8Array.of(1) }],
    };
    const known = { code: 5, details: [any('google.protobuf.Any', inner)] };
    expect(decode('google.rpc.Status', encode('google.rpc.Status', known))).toEqual(known);
    expect(() => encode('google.rpc.Status', status)).toThrow('google.rpc.Status.details[1]: expected');
    const foreign = { details: [{ '@type': 'type.googleapis.com/a.B', bytes: Uint8Array.of(1) }] };
    expect(decode('google.rpc.Status', encode('google.rpc.Status', foreign))).toEqual(foreign);
  });

  it('treats __proto__ in a map as a key like any other', () => {
    const initial = Object.fromEntries([['__proto__', '1']]);
    const bytes = encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', { initial_resource_versions: initial });
    const { initial_resource_versions: decoded } = decode('envoy.service.discovery.v3.DeltaDiscoveryRequest', bytes);
    expect(Object.entries(decoded ?? {})).toEqual([['__proto__', '1']]);
  });

  it('skips fields that the declarations do not know', () => {
    const unknown = Uint8Array.of(0xf8, 0x3f, 1);
    const bytes = Buffer.concat([unknown, encode('envoy.config.route.v3.Route', { name: 'r' }), unknown]);
    expect(decode('envoy.config.route.v3.Route', bytes)).toEqual({ name: 'r' });
  });

  it('refuses bytes that end too early', () => {
    const bytes = encode('envoy.config.route.v3.Route', { match: { prefix: '/', case_sensitive: true } });
    for (let length = 1; length < bytes.length; length++) {
      expect(() => decode('envoy.config.route.v3.Route', bytes.subarray(0, length))).toThrow('malformed protobuf');
    }
  });
});

describe('the JSON form', () => {
  it('has proto names, unpacked Any with their fields beside the type, base64 bytes, and keys in field order', () => {
    const bytes = encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
      tls_certificate: { private_key: { inline_bytes: Uint8Array.of(1, 2) } },
      name: 's',
    });
    expect(JSON.stringify(toJson('envoy.extensions.transport_sockets.tls.v3.Secret', bytes))).toBe(
      '{"name":"s","tls_certificate":{"private_key":{"inline_bytes":"AQI="}}}',
    );
    const route = encode('envoy.config.route.v3.Route', {
      typed_per_filter_config: {
        b: any('envoy.extensions.filters.http.buffer.v3.BufferPerRoute', { disabled: true }),
        a: any('google.protobuf.UInt32Value', 3),
      },
    });
    expect(JSON.stringify(toJson('envoy.config.route.v3.Route', route))).toBe(
      '{"typed_per_filter_config":{"a":{"@type":"type.googleapis.com/google.protobuf.UInt32Value","value":3},' +
        '"b":{"@type":"type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute","disabled":true}}}',
    );
  });

  it('puts fields in order that somebody else wrote in another order', () => {
    const name = encode('envoy.config.cluster.v3.Cluster', { name: 'c' });
    const type = encode('envoy.config.cluster.v3.Cluster', { type: 'EDS' });
    expect(Object.keys(Object(toJson('envoy.config.cluster.v3.Cluster', Buffer.concat([type, name]))))).toEqual([
      'name',
      'type',
    ]);
  });
});
