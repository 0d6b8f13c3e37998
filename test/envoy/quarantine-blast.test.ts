import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Ingress, KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { hostilePaths, hostileValues } from '../support/hostile-values.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { Lab } from '../support/lab.ts';
import { endpointSlice, ingress, ingressClass, secret, service, tlsSecret } from '../support/objects.ts';
import { poison, spoil } from '../support/spoiler.ts';
import { describeWithEnvoy } from '../support/tools.ts';

/** Of which a tenth are hostile. */
const total = Number(process.env['SLUICE_BLAST_INGRESSES'] ?? 1_000);
const goodCount = total - total / 10;
const prefix = 'nginx.ingress.kubernetes.io';

const annotated = [
  'app-root',
  'auth-url',
  'configuration-snippet',
  'cors-allow-origin',
  'limit-rps',
  'permanent-redirect',
  'proxy-body-size',
  'proxy-read-timeout',
  'rewrite-target',
  'server-alias',
  'session-cookie-name',
  'upstream-vhost',
  'whitelist-source-range',
];

type Way = (name: string, index: number, port: number) => readonly KubernetesObject[];

const guarded = (name: string, annotations: Readonly<Record<string, string>>): Ingress =>
  ingress(name, {
    hosts: { [`${name}.test`]: { '/': 'web:80' } },
    tls: [{ hosts: [`${name}.test`], secretName: 'tls' }],
    annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`${prefix}/${key}`, value])),
  });

/** Some are let through by the spoiler, so that Envoys see them; others meet the checks of Sluice. */
const ways: readonly Way[] = [
  (name) => [guarded(name, { 'app-root': poison.virtualHost })],
  (name) => [guarded(name, { 'proxy-connect-timeout': poison.cluster })],
  (name) => [guarded(name, { 'proxy-connect-timeout': poison.clusterConstraint })],
  (name, _index, port) => [
    service(name, { http: 80 }),
    endpointSlice(name, name, { http: port }, [poison.endpoint]),
    ingress(name, { hosts: { [`${name}.test`]: { '/': `${name}:80` } } }),
  ],
  (name) => {
    const { cert, key } = certificate({ names: [`${name}.test`, poison.secret] });
    const tls = [{ hosts: [`${name}.test`], secretName: name }];
    return [tlsSecret(name, cert, key), ingress(name, { hosts: { [`${name}.test`]: { '/': 'web:80' } }, tls })];
  },
  (name) => [guarded(name, { 'auth-tls-secret': 'default/ca', 'auth-tls-verify-depth': poison.httpsListener })],
  (name) => [tlsSecret(name, 'garbage', 'garbage'), guarded(name, { 'auth-tls-secret': `default/${name}` })],
  (name, index) => [
    ingress(name, { hosts: { [`${name}.test`]: { [hostilePaths[index % hostilePaths.length] ?? '/']: 'web:80' } } }),
  ],
  (name, index) => [
    ingress(name, {
      hosts: { [`${hostileValues[(index * 7) % hostileValues.length] ?? ''}.test`]: { '/': 'web:80' } },
    }),
  ],
  (name, index) => [
    guarded(
      name,
      Object.fromEntries(
        annotated.map((key, at) => [key, hostileValues[(index * 31 + at * 17) % hostileValues.length] ?? '']),
      ),
    ),
  ],
];

describeWithEnvoy(`${total} Ingresses of which ${total / 10} are hostile in ${ways.length} ways`, () => {
  let backend: Backend;
  let lab: Lab;
  const envoys: RunningEnvoy[] = [];
  const names = Array.from({ length: goodCount }, (_, index) => `g${index}`);

  beforeAll(async () => {
    backend = await startBackend();
    lab = new Lab({ spoil });
    const pair = certificate({ names: ['*.test'] });
    lab.apply(
      ingressClass(),
      service('web', { http: 80 }),
      endpointSlice('web', 'web', { http: backend.port }, ['127.0.0.1']),
      tlsSecret('tls', pair.cert, pair.key),
      secret('ca', { 'ca.crt': certificateAuthority().cert }),
      ...names.map((name) => ingress(name, { hosts: { [`${name}.test`]: { '/': 'web:80' } } })),
      ...Array.from({ length: total / 10 }, (_, index) =>
        (ways[index % ways.length] ?? (() => []))(`bad${index}`, index, backend.port),
      ).flat(),
    );
    await lab.start();
  }, 30_000);

  afterAll(async () => {
    await Promise.all(envoys.map((envoy) => envoy.stop()));
    await lab?.stop();
    await backend?.close();
  });

  const join = async (protocol: 'delta' | 'sotw'): Promise<RunningEnvoy> => {
    const envoy = await joinEnvoy({ xdsPort: lab.port, protocol, nodeId: `${protocol}-${envoys.length}` });
    envoys.push(envoy);
    return envoy;
  };
  const failing = async (envoy: RunningEnvoy): Promise<readonly string[]> => {
    const port = await envoy.listenerPort('http');
    const failed: string[] = [];
    for (let at = 0; at < names.length; at += 50) {
      const some = names.slice(at, at + 50);
      // oxlint-disable-next-line no-await-in-loop -- fifty at once are enough
      const statuses = await Promise.all(
        some.map((name) =>
          httpRequest({ port, host: `${name}.test` }).then(
            ({ status }) => status,
            () => 0,
          ),
        ),
      );
      failed.push(...some.filter((_, index) => statuses[index] !== 200));
    }
    return failed;
  };
  /** The names that are not served within 20 s: none. */
  const allServe = (envoy: RunningEnvoy): Promise<readonly string[]> =>
    eventually(
      async () => {
        const failed = await failing(envoy);
        if (failed.length > 0) throw new Error(`not served: ${failed.join(', ')}`);
        return failed;
      },
      { within: 20_000 },
    );
  const newOneIsLive = async (name: string): Promise<void> => {
    const began = performance.now();
    lab.apply(ingress(name, { hosts: { [`${name}.test`]: { '/': 'web:80' } } }));
    await Promise.all(
      envoys.map((envoy) =>
        eventually(async () => {
          const answer = await httpRequest({ port: await envoy.listenerPort('http'), host: `${name}.test` });
          expect(answer.status).toBe(200);
        }),
      ),
    );
    process.stdout.write(
      `${name}: live at ${envoys.length} Envoys after ${Math.round(performance.now() - began)} ms\n`,
    );
  };

  it('all others are served by an Envoy that starts with them, over delta', async () => {
    const began = performance.now();
    expect(await allServe(await join('delta'))).toEqual([]);
    process.stdout.write(`all served after ${Math.round(performance.now() - began)} ms\n`);
    await newOneIsLive('new0');
  }, 40_000);

  it('all others are served by an Envoy that starts later, over SotW', async () => {
    expect(await allServe(await join('sotw'))).toEqual([]);
    await newOneIsLive('new1');
  }, 40_000);

  it('each of what Envoys refuse is named', async () => {
    const blamed = (): ReadonlySet<string> => new Set(lab.problems('RefusedByEnvoy').map(({ object }) => object.name));
    const refused = Array.from({ length: total / 10 }, (_, index) => index).filter((index) => index % ways.length < 6);
    await eventually(() => expect([...blamed()].toSorted()).toEqual(refused.map((index) => `bad${index}`).toSorted()));
  });

  it('all others are served after a restart of the control plane, and by Envoys that start then', async () => {
    await lab.restart();
    expect((await Promise.all(envoys.map(allServe))).flat()).toEqual([]);
    expect(await allServe(await join('delta'))).toEqual([]);
    expect(await allServe(await join('sotw'))).toEqual([]);
    await newOneIsLive('new2');
  }, 60_000);
});
