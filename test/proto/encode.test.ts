/** What the encoder accepts, what it refuses and how it names the place, and that equal content gives equal bytes. */
import { describe, expect, it } from '@jest/globals';
import { encodeMessage } from '../../src/proto/encode.ts';
import { any, decode, encode } from '../../src/proto/message.ts';

const route = 'envoy.config.route.v3.Route';
const routes = 'envoy.config.route.v3.RouteConfiguration';
const cluster = 'envoy.config.cluster.v3.Cluster';

describe('encoding refuses', () => {
  it('a misspelt field, in the types and at run time', () => {
    // @ts-expect-error -- the field is called match
    expect(() => encode(route, { mach: { prefix: '/' } })).toThrow(
      'envoy.config.route.v3.Route.mach: no such field in envoy.config.route.v3.Route',
    );
  });

  it('a camelCase field, and says the name that protobuf has for it', () => {
    const value = { virtual_hosts: [{ name: 'a' }, { routes: [{ match: { safeRegex: { regex: 'x' } } }] }] };
    expect(() => encodeMessage(routes, value)).toThrow(
      `${routes}.virtual_hosts[1].routes[0].match.safeRegex: no such field in envoy.config.route.v3.RouteMatch; protobuf calls it safe_regex`,
    );
  });

  it('an unknown enum value, in the types and at run time', () => {
    // @ts-expect-error -- it is called ROUND_ROBIN
    expect(() => encode(cluster, { lb_policy: 'ROUNDROBIN' })).toThrow(
      `${cluster}.lb_policy: "ROUNDROBIN" is no value of envoy.config.cluster.v3.Cluster.LbPolicy`,
    );
  });

  it('two members of a oneof', () => {
    const twice = { match: { prefix: '/', path: '/' } };
    expect(() => encode(route, twice)).toThrow(
      `${route}.match.path: set together with prefix, but path_specifier takes only one`,
    );
  });

  it('a member of a oneof that one of our additions joins to a oneof from upstream', () => {
    const twice = { host_rewrite_literal: 'a', host_rewrite: '%REQ(X)%' };
    expect(() => encode('envoy.config.route.v3.RouteAction', twice)).toThrow('host_rewrite_specifier takes only one');
  });

  it.each([
    [
      'text for a number',
      { per_connection_buffer_limit_bytes: '1' },
      'per_connection_buffer_limit_bytes: expected uint32, got "1"',
    ],
    [
      'an empty text for a number',
      { load_assignment: { policy: { overprovisioning_factor: '' } } },
      'expected uint32, got ""',
    ],
    ['a negative unsigned number', { max_requests_per_connection: -1 }, 'expected uint32, got -1'],
    ['a fraction for an integer', { max_requests_per_connection: 1.5 }, 'expected uint32, got 1.5'],
    ['a number for text', { name: 5 }, '.name: expected string, got 5'],
    ['null', { name: null }, '.name: expected string, got null'],
    ['one message for a list', { health_checks: {} }, '.health_checks: expected a list, got {}'],
    [
      'a list for a message',
      { load_assignment: [] },
      '.load_assignment: expected envoy.config.endpoint.v3.ClusterLoadAssignment, got []',
    ],
    [
      'a list for a map',
      { typed_extension_protocol_options: [] },
      '.typed_extension_protocol_options: expected a map, got []',
    ],
    [
      'a duration without unit',
      { connect_timeout: '5' },
      '.connect_timeout: expected text such as 5s or 0.25s or { seconds, nanos }, got "5"',
    ],
    ['half a surrogate pair', { name: 'a\uD800' }, '.name: text with half a surrogate pair'],
  ])('%s', (_title, value, message) => {
    expect(() => encodeMessage(cluster, value)).toThrow(message);
  });

  it('a mistake inside a nested Any, with the path through it', () => {
    const value = { typed_per_filter_config: { cors: any('envoy.extensions.filters.http.cors.v3.CorsPolicy', {}) } };
    expect(encode(route, value).length).toBeGreaterThan(0);
    const cors = {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy',
      value: { maxAge: '1' },
    };
    expect(() => encode(route, { typed_per_filter_config: { cors } })).toThrow(
      `${route}.typed_per_filter_config["cors"](envoy.extensions.filters.http.cors.v3.CorsPolicy).maxAge: no such field`,
    );
  });

  it('an Any that is no Any, names an unknown type or has its fields in the wrong place', () => {
    const url = 'type.googleapis.com/envoy.config.route.v3.Route';
    expect(() => encodeMessage('google.protobuf.Any', { name: 'a' })).toThrow(
      "expected { '@type': 'type.googleapis.com/...', value }",
    );
    expect(() => encodeMessage('google.protobuf.Any', { '@type': 'type.googleapis.com/a.B', value: {} })).toThrow(
      'no such message: a.B',
    );
    expect(() => encodeMessage('google.protobuf.Any', { '@type': url, name: 'a' })).toThrow(
      'google.protobuf.Any.name: the fields of the message belong under value',
    );
  });

  it('a message that does not exist', () => {
    expect(() => encodeMessage('envoy.Nothing', {})).toThrow('envoy.Nothing: no such message');
  });

  it('nothing after a refusal: the next message is whole', () => {
    expect(() => encodeMessage(route, { name: 'a', match: { path: 1 } })).toThrow('expected string');
    expect(decode(route, encode(route, { name: 'b' }))).toEqual({ name: 'b' });
  });
});

describe('equal content gives equal bytes', () => {
  it('whatever the order of map keys and of fields', () => {
    const one = encode(route, {
      name: 'r',
      match: { prefix: '/', case_sensitive: true },
      typed_per_filter_config: { b: any('google.protobuf.Empty', {}), a: any('google.protobuf.StringValue', 'x') },
    });
    const other = encode(route, {
      typed_per_filter_config: { a: any('google.protobuf.StringValue', 'x'), b: any('google.protobuf.Empty', {}) },
      match: { case_sensitive: true, prefix: '/' },
      name: 'r',
    });
    expect(other).toEqual(one);
  });

  it('whether a zero is written or left out', () => {
    const written = encode(cluster, {
      name: '',
      lb_policy: 'ROUND_ROBIN',
      health_checks: [],
      type: 'STATIC',
      metadata: {},
    });
    expect(written).toEqual(encode(cluster, { type: 'STATIC', metadata: {} }));
  });

  it('but keeps a zero where presence means something', () => {
    const wrapper = encode('envoy.config.route.v3.RetryPolicy', { num_retries: 0 });
    expect(decode('envoy.config.route.v3.RetryPolicy', wrapper)).toEqual({ num_retries: 0 });
    const member = encode('envoy.config.route.v3.RouteMatch', { prefix: '' });
    expect(decode('envoy.config.route.v3.RouteMatch', member)).toEqual({ prefix: '' });
    expect(decode(cluster, encode(cluster, { type: 'STATIC' }))).toEqual({ type: 'STATIC' });
  });

  it('whether a duration is text or a message', () => {
    const text = encode(cluster, { connect_timeout: '0.25s' });
    expect(encode(cluster, { connect_timeout: { nanos: 250_000_000 } })).toEqual(text);
    expect(encode(cluster, { connect_timeout: `${250 / 1000}s` })).toEqual(text);
    expect(encode(cluster, { connect_timeout: { seconds: 0, nanos: 250_000_000 } })).toEqual(text);
  });

  it('whether an Any is packed already or not', () => {
    const bytes = encode('envoy.config.route.v3.VirtualHost', { name: 'v', domains: ['*'] });
    const packed = { '@type': 'type.googleapis.com/envoy.config.route.v3.VirtualHost', bytes };
    const response = 'envoy.service.discovery.v3.DiscoveryResponse';
    const unpacked = any('envoy.config.route.v3.VirtualHost', { domains: ['*'], name: 'v' });
    expect(encode(response, { resources: [packed] })).toEqual(encode(response, { resources: [unpacked] }));
  });
});
