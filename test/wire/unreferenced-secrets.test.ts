/** Private keys that no Ingress of ours names leave in no answer, whoever asks under whatever name, and those that one named go with it. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Ingress } from '../../src/cluster/kubernetes-object.ts';
import { encode } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { deltaTypes, DiscoveryClient, sotwTypes } from '../support/discovery-client.ts';
import { eventually } from '../support/eventually.ts';
import { endpointSlice, ingress, ingressClass, secret, service, tlsSecret } from '../support/objects.ts';
import { type Serving, startServing } from '../support/serving.ts';

const pairs = {
  used: certificate({ names: ['used.test'] }),
  unused: certificate({ names: ['unused.test'] }),
  ofAnotherClass: certificate({ names: ['other-class.test'] }),
  ofAnotherNamespace: certificate({ names: ['other-namespace.test'] }),
  asAuthority: certificateAuthority(),
  opaque: certificate({ names: ['opaque.test'] }),
};

/** A line of a private key, as it would stand in an answer. */
const lineOf = (key: string): string => key.split('\n')[1] ?? '';
const hidden = Object.entries(pairs).flatMap(([which, { key }]) =>
  which === 'used' ? [] : [[which, lineOf(key)] as const],
);

const tls = (...secretNames: readonly string[]) =>
  secretNames.map((secretName) => ({ hosts: ['used.test'], secretName }));

function naming(...secretNames: readonly string[]): Ingress {
  return ingress('used', { hosts: { 'used.test': { '/': 'web:80' } }, tls: tls(...secretNames) });
}

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const sds = '/envoy.service.secret.v3.SecretDiscoveryService';
const ways = [
  { protocol: 'delta', method: `${ads}/DeltaAggregatedResources` },
  { protocol: 'sotw', method: `${ads}/StreamAggregatedResources` },
  { protocol: 'delta', method: `${sds}/DeltaSecrets` },
  { protocol: 'sotw', method: `${sds}/StreamSecrets` },
] as const;
type Way = (typeof ways)[number];

let serving: Serving;
let client: DiscoveryClient;

beforeEach(async () => {
  serving = await startServing();
  const pair = (name: keyof typeof pairs, namespace = 'default') =>
    tlsSecret(name.toLowerCase(), pairs[name].cert, pairs[name].key, namespace);
  serving.apply(
    ingressClass(),
    ingressClass('stranger', 'example.com/other'),
    service('web', { http: 80 }),
    endpointSlice('web', 'web', { http: 80 }, ['10.0.0.1']),
    pair('used'),
    pair('unused'),
    pair('ofAnotherClass'),
    pair('ofAnotherNamespace', 'other'),
    secret('asauthority', {
      'ca.crt': pairs.asAuthority.cert,
      'ca.key': pairs.asAuthority.key,
      'tls.key': pairs.asAuthority.key,
    }),
    secret('opaque', { 'tls.key': pairs.opaque.key, 'tls.crt': pairs.opaque.cert, auth: pairs.opaque.key }),
    naming('used', 'other/ofanothernamespace', 'ofanothernamespace'),
    ingress('strange', {
      className: 'stranger',
      hosts: { 'strange.test': { '/': 'web:80' } },
      tls: [{ hosts: ['strange.test'], secretName: 'ofanotherclass' }],
    }),
    // Of this one the certificate is used, and the key is nobody's business.
    ingress('elsewhere', {
      hosts: { 'elsewhere.test': { '/': 'web:80' } },
      annotations: { 'nginx.ingress.kubernetes.io/auth-tls-secret': 'default/asauthority' },
      tls: [{ hosts: ['elsewhere.test'], secretName: 'used' }],
    }),
  );
  client = new DiscoveryClient(serving.port);
});

afterEach(async () => {
  client.close();
  await serving.stop();
});

/** Asks for a type in one request, and says what came until the request behind it was answered as well. */
async function bytesFor({ protocol, method }: Way, type: string, names: readonly string[]): Promise<Buffer> {
  const stream = client.raw(method);
  const node = { id: 'curious' };
  stream.send(
    Buffer.from(
      protocol === 'delta'
        ? encode(deltaTypes[0], { node, type_url: type, resource_names_subscribe: [...names] })
        : encode(sotwTypes[0], { node, type_url: type, resource_names: [...names] }),
    ),
  );
  await stream.next();
  stream.finish();
  await stream.ended;
  return Buffer.concat(stream.responses);
}

/** Every way to write the name of a Secret, and to ask for all. */
const spellings = [...Object.keys(pairs), '*'].flatMap((each) => {
  const name = each.toLowerCase();
  return [name, `default/${name}`, `other/${name}`, `/${name}`, `Secret/default/${name}`, `default/${name}/tls.key`];
});

const found = (bytes: Buffer): readonly string[] =>
  hidden.flatMap(([which, line]) => (bytes.includes(line) ? [which] : []));
const isUsedIn = (bytes: Buffer): boolean => bytes.includes(lineOf(pairs.used.key));

describe.each(ways)('over $method', (way) => {
  it('a Secret that is named is given by its name, and none besides, under any name', async () => {
    const bytes = await bytesFor(way, typeUrl.secret, spellings);
    expect([isUsedIn(bytes), found(bytes)]).toEqual([true, []]);
  });

  it('none is given to who asks for all', async () => {
    for (const names of [[], ['*']]) {
      // oxlint-disable-next-line no-await-in-loop -- one stream after the other
      const bytes = await bytesFor(way, typeUrl.secret, names);
      expect([isUsedIn(bytes), found(bytes)]).toEqual([false, []]);
    }
  });

  it('none is given any more once its Ingress has gone, or names another', async () => {
    serving.remove(ingress('elsewhere', {}));
    for (const change of [() => serving.apply(naming('unused')), () => serving.remove(naming())]) {
      serving.apply(naming('used'));
      // oxlint-disable no-await-in-loop -- one stream after the other
      expect(isUsedIn(await bytesFor(way, typeUrl.secret, ['default/used']))).toBe(true);
      change();
      expect(isUsedIn(await bytesFor(way, typeUrl.secret, ['default/used']))).toBe(false);
      // oxlint-enable no-await-in-loop
    }
  });
});

it('no key stands in an answer about any type, nor in what is told of clients', async () => {
  for (const type of Object.values(typeUrl)) {
    for (const way of ways.slice(0, 2)) {
      // oxlint-disable-next-line no-await-in-loop -- one stream after the other
      const bytes = await bytesFor(way, type, type === typeUrl.secret ? spellings : ['*', ...spellings]);
      expect([type, found(bytes)]).toEqual([type, []]);
    }
  }
  const stream = client.delta();
  stream.send({ node: { id: 'a' }, type_url: typeUrl.secret, resource_names_subscribe: spellings });
  await stream.next();
  const status = client.raw('/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus');
  status.send(Buffer.alloc(0));
  const bytes = await status.next();
  expect(bytes.includes('default/used')).toBe(true);
  expect([isUsedIn(bytes), found(bytes)]).toEqual([false, []]);
});

it('an open delta stream is told that it is gone, when its Ingress has', async () => {
  const stream = client.delta();
  stream.send({ node: { id: 'a' }, type_url: typeUrl.secret, resource_names_subscribe: ['default/used'] });
  const { nonce = '' } = await stream.next();
  stream.send({ type_url: typeUrl.secret, response_nonce: nonce });
  serving.remove(naming(), ingress('elsewhere', {}));
  await eventually(() => expect(stream.responses.at(-1)?.removed_resources).toEqual(['default/used']));
});
