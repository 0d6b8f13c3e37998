import { describe, expect, it } from '@jest/globals';
import { anyHost } from '../../src/model/host.ts';
import type { Host, PathMatch, Route } from '../../src/model/host.ts';
import { noPolicies } from '../../src/model/policy.ts';
import { decode } from '../../src/proto/message.ts';
import { encodeHost } from '../../src/translation/host-isolation.ts';
import { encodeHttpsListener } from '../../src/translation/listener-isolation.ts';
import { refusalProblems } from '../../src/translation/refusal-problems.ts';
import type { ServedHost } from '../../src/translate/listener.ts';
import type { Fallbacks } from '../../src/translate/virtual-host.ts';
import { certificateAuthority } from '../support/certificates.ts';
import { ingress } from '../support/objects.ts';

const fallbacks: Fallbacks = { unmatched: undefined, catchAll: undefined, isCoveredByTls: false };

function route(name: string, match: PathMatch, fields: Partial<Route> = {}): Route {
  const backend = { namespace: 'default', service: name, port: { kind: 'number', number: 80 } } as const;
  const object = { kind: 'Ingress', namespace: 'default', name };
  const origin = { object, field: 'spec.rules[0].http.paths[0]' };
  return { match, action: { kind: 'backend', backend }, policies: noPolicies, origin, ...fields };
}

function host(routes: readonly Route[], fields: Partial<Host> = {}): Host {
  return { name: 'a.test', routes, certificates: [], hasTls: false, policies: noPolicies, ...fields };
}

/** What each route of the virtual host does. */
function served(whole: Host, behind: Fallbacks = fallbacks) {
  const { body, refusals } = encodeHost('http', whole, behind);
  const { routes = [] } = decode('envoy.config.route.v3.VirtualHost', body);
  const answers = routes.map(({ route: action, direct_response: answer }) => action?.cluster ?? answer?.status);
  return { answers, refusals };
}

const none = { name: 'none', get: () => undefined, entries: () => new Map().entries(), size: 0 };
const noObjects = {
  Ingress: none,
  IngressClass: none,
  Service: none,
  EndpointSlice: none,
  Secret: none,
  ConfigMap: none,
};

const bad = { kind: 'prefix', path: '/a\r\nb' } as const;
const good = [route('one', { kind: 'exact', path: '/x' }), route('two', { kind: 'prefix', path: '' })];

describe('a host with something that would be refused', () => {
  it('loses the path that cannot be sent, and no other', () => {
    const { answers, refusals } = served(host([route('bad', bad), ...good]));
    expect(answers).toEqual(['default/one/80', 'default/two/80']);
    expect(refusals.map(({ origin, cost }) => [origin.object.name, cost])).toEqual([['bad', 'The path is not served']]);
  });

  it('answers 503 on the path whose policy cannot be sent, and serves the others', () => {
    const policies = { byFeature: { 'upstream-vhost': { vhost: 'a\r\nx-evil: 1' } } };
    const { answers, refusals } = served(host([route('bad', { kind: 'prefix', path: '/y' }, { policies }), ...good]));
    expect(answers).toEqual([503, 'default/one/80', 'default/two/80']);
    expect(refusals.map(({ origin, cost }) => [origin.object.name, cost])).toEqual([['bad', 'The path answers 503']]);
  });

  it('answers 503 on the path at which the program itself fails, and serves the others', () => {
    const policies = { byFeature: { 'upstream-vhost': {} } };
    const { answers, refusals } = served(host([route('bad', { kind: 'prefix', path: '/y' }, { policies }), ...good]));
    expect(answers).toEqual([503, 'default/one/80', 'default/two/80']);
    expect(refusalProblems(refusals, noObjects).map(({ object, reason }) => [object.name, reason])).toEqual([
      ['bad', 'InternalError'],
    ]);
  });

  it('goes on without the default backend of all that cannot be sent', () => {
    const unmatched = route('bad', bad);
    expect(served(host([good[0] ?? unmatched]), { ...fallbacks, unmatched }).answers).toEqual(['default/one/80']);
  });

  it('goes on without what would serve the hosts that it does not cover', () => {
    const catchAll = host([route('bad', bad), ...good], { name: anyHost });
    const { answers, refusals } = served(host(good, { name: '*.a.test' }), { ...fallbacks, catchAll });
    expect(answers).toEqual(['default/one/80', 'default/two/80', 404, 'default/one/80', 'default/two/80']);
    expect(refusals).toEqual([]);
  });

  it('answers 503 on all paths when what goes for the whole host cannot be sent, since it may say who may pass', () => {
    const policy = {
      kind: 'asked',
      authorities: 'x',
      depth: 1,
      mode: 'on',
      errorPage: '',
      subject: '(',
      isPassedOn: false,
    };
    const policies = { byFeature: { 'client-certificate': policy } };
    const routes = [route('asking', { kind: 'exact', path: '/y' }, { policies }), ...good];
    const { body, refusals } = encodeHost('https', host(routes, { policies }), fallbacks);
    const { routes: sent = [] } = decode('envoy.config.route.v3.VirtualHost', body);
    expect(sent.map((each) => each.direct_response?.status)).toEqual([503, 503, 503]);
    expect(refusals.map(({ origin, cost }) => [origin.object.name, cost])).toEqual([
      ['asking', 'All paths of "a.test" answer 503'],
    ]);
  });

  it('is told to the Ingress, with the annotation that the value is from', () => {
    const policies = { byFeature: { 'upstream-vhost': { vhost: 'a\r\nx-evil: 1' } } };
    const { refusals } = served(host([route('bad', { kind: 'prefix', path: '/y' }, { policies }), ...good]));
    const annotations = { 'nginx.ingress.kubernetes.io/upstream-vhost': 'a\r\nx-evil: 1' };
    const objects = new Map([['default/bad', ingress('bad', { annotations })]]);
    const table = {
      name: 'Ingress',
      get: (key: string) => objects.get(key),
      entries: () => objects.entries(),
      size: 1,
    };
    expect(refusalProblems(refusals, { ...noObjects, Ingress: table })).toEqual([
      {
        object: { kind: 'Ingress', namespace: 'default', name: 'bad' },
        field: 'metadata.annotations[nginx.ingress.kubernetes.io/upstream-vhost]',
        severity: 'error',
        reason: 'ResourceRefused',
        message: expect.stringContaining('"a\\r\\nx-evil: 1" is no host'),
        fix: 'change the value of the annotation nginx.ingress.kubernetes.io/upstream-vhost',
      },
    ]);
  });
});

describe('the listener for TLS', () => {
  it('leaves out the hosts whose authorities cannot be sent, and serves the others', () => {
    const listen = { address: '127.0.0.1', httpPort: 0, httpsPort: 0 };
    const asking = (id: string, authorities: string) => ({
      secrets: ['default/s'],
      clients: { id, authorities, depth: 1 },
    });
    const hosts = new Map<string, ServedHost>([
      ['a.test', asking('1', 'garbage')],
      ['b.test', asking('2', certificateAuthority().cert)],
      ['c.test', { secrets: ['default/s'], clients: undefined }],
    ]);
    const { body, left } = encodeHttpsListener(listen, hosts, noPolicies);
    expect(left.map((each) => each.host)).toEqual(['a.test']);
    const { filter_chains: chains = [] } = decode('envoy.config.listener.v3.Listener', body ?? new Uint8Array());
    expect(chains.map(({ name }) => name)).toEqual(['default/s', 'default/s~2']);
  });
});
