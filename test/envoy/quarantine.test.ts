import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Ingress, KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { Lab } from '../support/lab.ts';
import { configMap, endpointSlice, ingress, ingressClass, secret, service, tlsSecret } from '../support/objects.ts';
import { poison, spoil } from '../support/spoiler.ts';
import { underTraffic } from '../support/steady-traffic.ts';
import { describeWithEnvoy } from '../support/tools.ts';

const annotation = 'nginx.ingress.kubernetes.io';
const authority = certificateAuthority();

interface Fault {
  /** What is injected. */
  readonly what: string;
  /** Kind and name of the object to be blamed. */
  readonly culprit: string;
  /** Named `bad`, with the host `bad.test`. */
  readonly objects: (port: number) => readonly KubernetesObject[];
  readonly healed: (port: number) => readonly KubernetesObject[];
  /** Whether the object has no good form before the bad one that serves the host. */
  readonly listener: 'http' | 'https';
}

function site(
  name: string,
  port: number,
  annotations: Readonly<Record<string, string>> = {},
): readonly KubernetesObject[] {
  const prefixed = Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [`${annotation}/${key}`, value]),
  );
  const { cert, key } = pairOf(name);
  return [
    service(name, { http: 80 }),
    endpointSlice(name, name, { http: port }, ['127.0.0.1']),
    tlsSecret(name, cert, key),
    ingressOf(name, prefixed),
  ];
}

function ingressOf(name: string, annotations: Readonly<Record<string, string>> = {}): Ingress {
  return ingress(name, {
    hosts: { [`${name}.test`]: { '/': `${name}:80` } },
    tls: [{ hosts: [`${name}.test`], secretName: name }],
    annotations: { [`${annotation}/ssl-redirect`]: 'false', ...annotations },
  });
}

const pairs = new Map<string, { readonly cert: string; readonly key: string }>();

function pairOf(name: string, names: readonly string[] = []): { readonly cert: string; readonly key: string } {
  const id = `${name} ${names.join()}`;
  const known = pairs.get(id) ?? certificate({ names: [`${name}.test`, ...names] });
  pairs.set(id, known);
  return known;
}

const faults: readonly Fault[] = [
  {
    what: 'a virtual host with a header that cannot be parsed',
    culprit: 'Ingress default/bad',
    objects: (port) => site('bad', port, { 'app-root': poison.virtualHost }),
    healed: (port) => site('bad', port),
    listener: 'http',
  },
  {
    what: 'a cluster that is semantically wrong',
    culprit: 'Ingress default/bad',
    objects: (port) => site('bad', port, { 'proxy-connect-timeout': poison.cluster }),
    healed: (port) => site('bad', port),
    listener: 'http',
  },
  {
    what: 'a cluster that breaks a constraint',
    culprit: 'Ingress default/bad',
    objects: (port) => site('bad', port, { 'proxy-connect-timeout': poison.clusterConstraint }),
    healed: (port) => site('bad', port),
    listener: 'http',
  },
  {
    what: 'an endpoint with an address that is none',
    culprit: 'EndpointSlice default/bad',
    objects: (port) => [...site('bad', port), endpointSlice('bad', 'bad', { http: port }, [poison.endpoint])],
    healed: (port) => site('bad', port),
    listener: 'http',
  },
  {
    what: 'a secret whose key does not belong to its certificate',
    culprit: 'Secret default/bad',
    objects: (port) => {
      const { cert, key } = pairOf('bad', [poison.secret]);
      return [...site('bad', port), tlsSecret('bad', cert, key)];
    },
    healed: (port) => site('bad', port),
    listener: 'https',
  },
  {
    what: 'a listener that asks for client certificates of authorities that are none',
    culprit: 'Ingress default/bad',
    objects: (port) => [
      secret('ca', { 'ca.crt': authority.cert }),
      ...site('bad', port, { 'auth-tls-secret': 'default/ca', 'auth-tls-verify-depth': poison.httpsListener }),
    ],
    healed: (port) => site('bad', port),
    listener: 'https',
  },
  {
    what: 'both listeners, for a key of the ConfigMap',
    culprit: 'ConfigMap default/settings',
    objects: (port) => [...site('bad', port), configMap('settings', { 'keep-alive': poison.listener })],
    healed: () => [configMap('settings', { 'keep-alive': '60' })],
    listener: 'http',
  },
];

const settings = 'default/settings';

/** For faults in what follows. */
const five = { within: 5_000 };

describeWithEnvoy('what an Envoy refuses', () => {
  let backend: Backend;

  beforeAll(async () => {
    backend = await startBackend();
  });

  afterAll(async () => {
    await backend?.close();
  });

  const statusOf = async (envoy: RunningEnvoy, host: string, listener: 'http' | 'https' = 'http'): Promise<number> => {
    const port = await envoy.listenerPort(listener);
    const answer = await httpRequest({ port, host, ...(listener === 'https' && { tls: {} }) });
    return answer.status;
  };
  const serves = async (envoy: RunningEnvoy, name: string): Promise<void> => {
    await eventually(async () => {
      expect(await statusOf(envoy, `${name}.test`)).toBe(200);
      expect(await statusOf(envoy, `${name}.test`, 'https')).toBe(200);
    }, five);
  };
  const startLab = async (...objects: readonly KubernetesObject[]): Promise<Lab> => {
    const lab = new Lab({ spoil, configMap: settings });
    lab.apply(ingressClass(), configMap('settings', {}), ...objects);
    await lab.start();
    return lab;
  };
  const blamed = (lab: Lab): readonly string[] => [
    ...new Set(lab.problems('RefusedByEnvoy').map(({ object }) => `${object.kind} ${object.namespace}/${object.name}`)),
  ];

  describe.each(['delta', 'sotw'] as const)('over %s', (protocol) => {
    it.each(faults)(
      '$what, of an object that was good: it is named, keeps its good form, costs nobody else, and heals',
      async ({ objects, healed, culprit }) => {
        const { port } = backend;
        const lab = await startLab(...site('a', port), ...site('b', port), ...site('bad', port));
        let envoy: RunningEnvoy | undefined;
        let late: RunningEnvoy | undefined;
        try {
          const first = await joinEnvoy({ xdsPort: lab.port, protocol });
          envoy = first;
          await Promise.all(['a', 'b', 'bad'].map((name) => serves(first, name)));
          lab.apply(...objects(port));
          await eventually(() => expect(blamed(lab)).toEqual([culprit]), five);
          lab.apply(...site('new', port));
          await Promise.all(['a', 'b', 'bad', 'new'].map((name) => serves(first, name)));
          late = await joinEnvoy({ xdsPort: lab.port, protocol, nodeId: 'late' });
          const other = late;
          await Promise.all(['a', 'b', 'bad', 'new'].map((name) => serves(other, name)));
          expect(blamed(lab)).toEqual([culprit]);
          lab.apply(...healed(port));
          await eventually(() => expect(lab.problems()).toEqual([]), five);
          await Promise.all(['a', 'b', 'bad', 'new'].map((name) => serves(first, name)));
          await Promise.all(['a', 'b', 'bad', 'new'].map((name) => serves(other, name)));
        } finally {
          await Promise.all([envoy?.stop(), late?.stop()]);
          await lab.stop();
        }
      },
      30_000,
    );
  });

  it.each(faults)('$what, before the first Envoy and the control plane start: all others are served', async (fault) => {
    const { port } = backend;
    const lab = await startLab(...site('a', port), ...fault.objects(port), ...site('b', port));
    const envoys: RunningEnvoy[] = [];
    try {
      for (const protocol of ['delta', 'sotw'] as const) {
        // oxlint-disable-next-line no-await-in-loop -- the second starts when the first has learned
        const envoy = await joinEnvoy({ xdsPort: lab.port, protocol, nodeId: protocol });
        envoys.push(envoy);
        // oxlint-disable-next-line no-await-in-loop -- as above
        await Promise.all(['a', 'b'].map((name) => serves(envoy, name)));
      }
      await eventually(() => expect(blamed(lab)).toEqual([fault.culprit]), five);
      lab.apply(...fault.healed(port));
      await Promise.all(envoys.flatMap((envoy) => ['a', 'b', 'bad'].map((name) => serves(envoy, name))));
      expect(lab.problems()).toEqual([]);
    } finally {
      await Promise.all(envoys.map((envoy) => envoy.stop()));
      await lab.stop();
    }
  });

  it.each(['delta', 'sotw'] as const)(
    'all faults one after the other, and a restart amid each, under traffic of others over %s: no request is lost',
    async (protocol) => {
      const { port } = backend;
      const lab = await startLab(...site('a', port), ...site('b', port), ...site('bad', port));
      const envoy = await joinEnvoy({ xdsPort: lab.port, protocol });
      try {
        await Promise.all(['a', 'b', 'bad'].map((name) => serves(envoy, name)));
        const [http, https] = await Promise.all(['http', 'https'].map((name) => envoy.listenerPort(name)));
        const requests = ['a.test', 'b.test'].flatMap((host) => [
          { port: http ?? 0, host },
          { port: https ?? 0, host, tls: {} },
        ]);
        const { sent, failures } = await underTraffic(requests, async ({ more }) => {
          for (const { objects, healed, culprit } of faults) {
            /* oxlint-disable no-await-in-loop -- one after the other */
            lab.apply(...objects(port));
            await eventually(() => expect(blamed(lab)).toEqual([culprit]), five);
            await more(50);
            await lab.restart();
            await eventually(() => expect(blamed(lab)).toEqual([culprit]), { within: 15_000 });
            await more(50);
            lab.apply(...healed(port));
            await eventually(() => expect(lab.problems()).toEqual([]), five);
            await serves(envoy, 'bad');
            /* oxlint-enable no-await-in-loop */
          }
        });
        expect(failures).toEqual([]);
        expect(sent).toBeGreaterThan(500);
      } finally {
        await envoy.stop();
        await lab.stop();
      }
    },
    90_000,
  );

  it('a host of three Ingresses, of which one turns bad: the two others change as they are asked to', async () => {
    const { port } = backend;
    const part = (name: string, annotations: Readonly<Record<string, string>> = {}): Ingress =>
      ingress(name, { hosts: { 'shared.test': { [`/${name}`]: 'a:80' } }, annotations });
    const lab = await startLab(...site('a', port), part('one'), part('two'), part('three'));
    const envoy = await joinEnvoy({ xdsPort: lab.port });
    const get = async (path: string): Promise<string> => {
      const answer = await httpRequest({ port: await envoy.listenerPort('http'), host: 'shared.test', path });
      return `${answer.status} ${answer.headers['location'] ?? ''}`;
    };
    const redirect = `${annotation}/permanent-redirect`;
    try {
      await eventually(async () => expect(await get('/three')).toBe('200 '));
      lab.apply(
        part('one', { [redirect]: 'http://one.test/' }),
        part('two', { [`${annotation}/app-root`]: poison.virtualHost }),
        part('three', { [redirect]: 'http://three.test/' }),
      );
      await eventually(() => expect(blamed(lab)).toEqual(['Ingress default/two']), five);
      await eventually(async () => {
        expect(await Promise.all(['/one', '/two', '/three'].map(get))).toEqual([
          '301 http://one.test/',
          '200 ',
          '301 http://three.test/',
        ]);
      }, five);
    } finally {
      await envoy.stop();
      await lab.stop();
    }
  });

  it('an object that turned bad, and a restart of the control plane: its good form stays with --last-good, and else it is closed', async () => {
    const { port } = backend;
    const folder = await mkdtemp(join(tmpdir(), 'sluice-last-good-'));
    const statuses: number[] = [];
    for (const flags of [{ lastGood: folder }, {}]) {
      const lab = new Lab({ spoil, flags, configMap: settings });
      lab.apply(ingressClass(), configMap('settings', {}), ...site('a', port), ...site('bad', port));
      /* oxlint-disable no-await-in-loop -- one after the other */
      await lab.start();
      const envoy = await joinEnvoy({ xdsPort: lab.port });
      let late: RunningEnvoy | undefined;
      try {
        await serves(envoy, 'bad');
        lab.apply(...site('bad', port, { 'app-root': poison.virtualHost }));
        await eventually(() => expect(blamed(lab)).toEqual(['Ingress default/bad']), five);
        await lab.restart();
        late = await joinEnvoy({ xdsPort: lab.port, nodeId: 'late' });
        await Promise.all([serves(envoy, 'a'), serves(late, 'a')]);
        await eventually(() => expect(blamed(lab)).toEqual(['Ingress default/bad']), five);
        const seen = late;
        statuses.push(
          await eventually(async () => {
            const status = await statusOf(seen, 'bad.test');
            expect(status).not.toBe(404);
            return status;
          }, five),
        );
      } finally {
        await Promise.all([envoy.stop(), late?.stop()]);
        await lab.stop();
      }
      /* oxlint-enable no-await-in-loop */
    }
    const { mode } = await stat(join(folder, 'last-good.json'));
    await rm(folder, { recursive: true });
    expect(statuses).toEqual([200, 503]);
    expect(mode & 0o777).toBe(0o600);
  }, 40_000);

  it('tells of it in the log and the metrics, without what is secret', async () => {
    const { port } = backend;
    const lab = await startLab(...site('a', port), ...site('bad', port));
    const { cert, key } = pairOf('bad', [poison.secret]);
    const envoy = await joinEnvoy({ xdsPort: lab.port });
    try {
      await serves(envoy, 'bad');
      lab.apply(tlsSecret('bad', cert, key));
      await eventually(() => expect(blamed(lab)).toEqual(['Secret default/bad']), five);
      const metrics = await (await fetch(`http://127.0.0.1:${lab.controlPlane.adminPort}/metrics`)).text();
      expect(metrics).toMatch(/^sluice_quarantined_objects 1$/m);
      expect(metrics).toMatch(/^sluice_last_good_age_seconds [0-9.e-]+$/m);
      expect(metrics).toMatch(/^sluice_xds_nacks_total\{type="Secret"\} [1-9]/m);
      await eventually(() => expect(lab.log.filter((line) => line.includes('RefusedByEnvoy'))).toHaveLength(1));
      const told = [...lab.log, JSON.stringify(lab.problems()), metrics].join();
      expect(told).not.toMatch(/PRIVATE KEY|garbage/);
      expect(told).not.toContain(key.slice(40, 80));
    } finally {
      await envoy.stop();
      await lab.stop();
    }
  });
});
