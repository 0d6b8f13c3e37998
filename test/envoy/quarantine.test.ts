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
import { endpointSlice, ingress, ingressClass, secret, service, tlsSecret } from '../support/objects.ts';
import { poison, spoil } from '../support/spoiler.ts';
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
];

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
  const blamed = (lab: Lab): readonly string[] => [
    ...new Set(lab.problems('RefusedByEnvoy').map(({ object }) => `${object.kind} ${object.namespace}/${object.name}`)),
  ];

  describe.each(['delta', 'sotw'] as const)('over %s', (protocol) => {
    it.each(faults)(
      '$what, of an object that was good: it is named, keeps its good form, costs nobody else, and heals',
      async ({ objects, healed, culprit }) => {
        const { port } = backend;
        const lab = new Lab({ spoil });
        lab.apply(ingressClass(), ...site('a', port), ...site('b', port), ...site('bad', port));
        await lab.start();
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
});
