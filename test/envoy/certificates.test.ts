/** Our check of pairs against a real Envoy: what we take it must take, or one bad Secret would cost more than its own hosts. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readPair } from '../../src/cluster/certificate-check.ts';
import { encode } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { noPolicies } from '../../src/model/policy.ts';
import { translateHttpsListener } from '../../src/translate/listener.ts';
import { translateSecret } from '../../src/translate/secret.ts';
import { createResource } from '../../src/xds/resource.ts';
import type { ResourceChange } from '../../src/xds/view.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { certificate } from '../support/certificates.ts';
import type { CertificateOptions } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventuallyPresent } from '../support/eventually.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { tlsSecret } from '../support/objects.ts';
import { describeWithEnvoy } from '../support/tools.ts';

/** Made with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_primes:3`, which Node can't; used nowhere else. */
const threePrimes = `-----BEGIN PRIVATE KEY-----
MIIE8wIBADANBgkqhkiG9w0BAQEFAASCBN0wggTZAgEBAoIBAQCSNdagUGZYBp0K
jFOQF9uTuj1JHXKzt6ysk7WS1oGSpbZxA+t8NXK/AI0oI9CP8KcFz889ndlo5vL9
u5hit72XHqTlCxiKs4Cta25X4wegMdZ59AQpCOtfpXnCKhN3zT+nv++rKYwQgQ6j
E/fLKg+ffy0om3oV2N5wX7qVYWWgfEsV0htHdfcd0jzT4ccxJ0S5YKS/CPkD3mqM
DlvNgMNudvzr1LwlpJmiwhOhQHiWOc7nio9f7OhH6sfLp9moW0AEVEUuI+vP0T4c
GhehqdJD0K4okPEbM/gA0ONGUpTpzgtP2e5bfZyGxdr/vQQJbfj5YCRalRYnmCAT
Wh2xNTH7AgMBAAECggEACOEUI7A+RuI/70AOYxXP0+zfg+0x5hAlgGWIBV7Zh5pg
tgRS7LwiN89Ew0dJhzRKMGQqZceMSH6eCyK1YmleLitCQFaoKuQz0FRR4yx6bhQY
vlc/WWlh864kzR5P5BXGOPsB5gv2w0W3WoTjg4Ze2KaTM78oEkXvwKygMH16KYsA
9mdu847gUb+nKvZ6mpZdpwIJXpduy2ipPHMDI4CF0CPgX6tEDb5c8iQ/Ui46fHwF
ftvCA8rDrajzfkOehFukvV0scZnFrAP3msLfOqRrxq8WfwKO/6bFGsZtqtMFV5i/
Wjv82g/ZVQogseeOdG/KsuDA6dA8Ubt277hJ65kc4QJWBmFacTwHw3WH+zqYuuBD
zwb64PmcpbHwRwSoqgxhbvNFTj8IbI1vMTZUp5zuhxEhsZxv/S2Nrj8Fb92eUbyY
hbsadweHH3GjgIHjTYL5wcNV6ZZS8JsCVgY8GFSPn3OwftvgUq4t83ClUgOxQEcr
x5Awlpb6GT09J0I/AFcz/nT8a+IsIb3JTQe+9b4mSBCVbas9wNByns+sdA0jyIVY
er2pV/I172tQBkFK4Q7nAlYEkAxQnABlTCChjeb5BTYY0EILLxZR/Cz7bJ59dPsc
kAYJDdSlZIOW6uahMv31Q1AYJuqDYNdIO7NUq2TzyO49/G7RnmWIHAkz9i8qGDcp
1NoUgLbxbwJWAfFiR5/GOeAreEusmFj7fwQVzc7D0CoFc5qgowXnLZ1MCanmakZq
qnwrBn1oOmNr3NkWbZ4yYPCgD3gcCRlfAiqks5+OEnfjMA2AuZszNAbpHBnAjssC
VgNdXdqIQlURWG2Oz/nxx1hsUv07bJ1RDwOmNH8eKCneK4MFG9tBEGda0LMOABc8
Vj+Am52IPKHsqgAmO8hTAoCCot30t5pMqILoaLRXBj0RgEDE3G8NMIIBDDCCAQgC
VgOs7wQLSINXIFSdztQlwrtau45QRFncHKaeNI5nMUKlt8hzDuw1eBAanOn5JVy4
Q60WZAPoeth95CmuwMn3qxuRSyVGB0jhNWlbQpdplXYsyJ6odcW3AlYA/JLMSxsT
5ndPP20dlWVIVXqzIOi4FlW6hA0njJu0gDdtHzWKQnAQIpSsWaylzvCbrb77LZSM
OH7ekYI+tLTBmabKQpoB/jIQLecaLcVpC2xu6lly0QJWAMWbNlfHzBVkQQTEb9+P
1oYtUzI/QEuKTcIRad52U+Ybxp3NT6f6F7JaHB1lq7J121SbzdkzFYiklew+Arpx
pQmE0LqJIIxOfqA8Zura8jzonXXKiig=
-----END PRIVATE KEY-----
`;

const names = ['a.test'];
const rsa = { names, key: 'rsa-2048' } as const;
const longAgo = new Date('2001-01-01T00:00:00Z');

/** Pairs, and whether we take them. */
const cases: Readonly<Record<string, readonly [CertificateOptions, taken: boolean]>> = {
  'ecdsa-p256': [{ names }, true],
  'ecdsa-p384': [{ names, key: 'ecdsa-p384' }, true],
  'rsa-2048': [rsa, true],
  expired: [{ names, notBefore: longAgo, notAfter: new Date('2002-01-01T00:00:00Z') }, true],
  'not-yet-valid': [
    { names, notBefore: new Date('2048-01-01T00:00:00Z'), notAfter: new Date('2049-01-01T00:00:00Z') },
    true,
  ],
  'after-2050': [{ names, notAfter: new Date('2060-01-01T00:00:00Z') }, true],
  'rsa-without-digital-signature': [{ ...rsa, keyUsage: [0x05, 0x20] }, true],
  'ecdsa-with-digital-signature-only': [{ names, keyUsage: [0x07, 0x80] }, true],
  'ecdsa-without-digital-signature': [{ names, keyUsage: [0x05, 0x20] }, false],
  'ecdsa-with-an-empty-key-usage': [{ names, keyUsage: [0x00] }, false],
  'ecdsa-of-a-written-out-curve': [{ names, key: 'ecdsa-p256-explicit' }, false],
  'rsa-1024': [{ names, key: 'rsa-1024' }, false],
  'rsa-of-three-primes': [{ names, privateKey: threePrimes }, false],
  ed25519: [{ names, key: 'ed25519' }, false],
  'version-1-with-extensions': [{ names, version: 'none' }, false],
  'version-2-with-extensions': [{ names, version: 1 }, false],
  'version-4': [{ names, version: 3 }, false],
  'date-without-seconds': [{ names, validity: ['2601010000Z', '3601010000Z'] }, false],
  'date-with-an-offset': [{ names, validity: ['260101000000+0000', '360101000000Z'] }, false],
  'date-in-a-thirteenth-month': [{ names, validity: ['261301000000Z', '360101000000Z'] }, false],
  'date-on-the-30th-of-February': [{ names, validity: ['260230000000Z', '360101000000Z'] }, false],
  'rsa-with-a-large-exponent': [
    {
      names,
      privateKey: generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65_539 })
        .privateKey.export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    },
    true,
  ],
};

describeWithEnvoy('the check of certificates', () => {
  const verdicts = new Map<string, { readonly ours: boolean; readonly envoys: boolean }>();
  let server: XdsServer;
  let envoy: RunningEnvoy;

  beforeAll(async () => {
    server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined });
    const port = await server.start();
    const pairs = Object.entries(cases).map(([name, [options]]) => ({ name, pair: certificate(options) }));
    const good = certificate({ names });
    const listen = { address: '127.0.0.1', httpPort: 0, httpsPort: 0 };
    const listener = translateHttpsListener(
      listen,
      new Map(pairs.map(({ name }) => [`${name.toLowerCase()}.test`, { secrets: [name], clients: undefined }])),
      noPolicies,
    );
    if (listener === undefined) throw new Error('there are hosts');
    const body = encode('envoy.config.listener.v3.Listener', listener);
    server.publish([
      ...pairs.map(({ name }) => secretChange(name, good)),
      { typeUrl: typeUrl.listener, name: 'https', resource: createResource(typeUrl.listener, 'https', body) },
    ]);
    envoy = await joinEnvoy({ xdsPort: port, waitUntilReady: false });
    await eventuallyPresent('an answer to the good pairs', () => Promise.resolve(refusals(server, pairs.length)));
    for (const { name, pair } of pairs) {
      // Each by itself: Envoy 1.40 takes a Secret that it has just refused when it gets the same bytes again.
      server.publish([secretChange(name, pair)]);
      // oxlint-disable-next-line no-await-in-loop -- this is why
      const refused = await eventuallyPresent(`an answer to ${name}`, () =>
        Promise.resolve(refusals(server, pairs.length)),
      );
      const ours = readPair(tlsSecret(name, pair.cert, pair.key)).kind === 'pair';
      verdicts.set(name, { ours, envoys: !refused.has(name) });
    }
  });

  afterAll(async () => {
    await envoy?.stop();
    await server?.stop();
  });

  it.each(Object.entries(cases).map(([name, [, taken]]) => [name, taken] as const))('judges %s: %j', (name, taken) => {
    const verdict = verdicts.get(name);
    expect(verdict?.ours).toBe(taken);
    // We may be stricter than Envoy, never less.
    expect(verdict?.envoys === true || !taken).toBe(true);
  });

  it('is stricter than Envoy in two cases: where clients differ, and where RFC 5280 forbids it', () => {
    const stricter = [...verdicts].filter(([, { ours, envoys }]) => envoys && !ours).map(([name]) => name);
    expect(stricter).toEqual(['ed25519', 'date-with-an-offset']);
  });
});

function secretChange(name: string, pair: { readonly cert: string; readonly key: string }): ResourceChange {
  const secret = translateSecret(name, { chain: pair.cert, privateKey: pair.key });
  const body = encode('envoy.extensions.transport_sockets.tls.v3.Secret', secret);
  return { typeUrl: typeUrl.secret, name, resource: createResource(typeUrl.secret, name, body) };
}

/** The Secrets that the Envoy has refused; undefined while it has not asked for all, or not answered. */
function refusals(server: XdsServer, expected: number): ReadonlySet<string> | undefined {
  const subscriptions = server.streams().flatMap(({ session }) => session.subscriptions());
  const secrets = subscriptions.find((each) => each.typeUrl === typeUrl.secret);
  if (secrets === undefined || secrets.names.size < expected) return undefined;
  if (secrets.dirty.size > 0 || secrets.inFlight !== undefined) return undefined;
  return new Set([...secrets.rejected].map(([name]) => name));
}
