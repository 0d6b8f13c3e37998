/**
 * What the conformance features of SIG Network ask of an Ingress controller, as a user of a cluster meets them: objects are written with
 * kubectl, real controllers make the endpoints, the address is taken from the status of the Ingress, and requests go there.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Backend, type Echo, startBackend } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import { type Addresses, freeAddresses } from '../support/control-plane-process.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { type HttpAnswer, httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import {
  deploymentManifest,
  endpointSliceManifest,
  ingressClassManifest,
  type Manifest,
  manifestText,
  namespaceManifest,
  nodeManifest,
  selectingServiceManifest,
  serviceManifest,
  tlsSecretManifest,
} from '../support/kube-manifests.ts';
import { type NodeAgent, nodeName, startNodeAgent } from '../support/node-agent.ts';
import { podAddress } from '../support/pod-network.ts';
import type { RunningProcess } from '../support/process.ts';
import { startSluice } from '../support/sluice.ts';
import { describeWithKubernetesAndEnvoy } from '../support/tools.ts';

const patience = { within: 30_000 };
/** Where Envoy listens, and what the statuses say. */
const publicAddress = podAddress(5);
const names = ['exact', 'prefix', 'long', 'short', 'slash', 'wild', 'own', 'rest'] as const;

interface Rule {
  readonly host?: string;
  readonly http: { readonly paths: readonly object[] };
}

function rule(
  host: string | undefined,
  ...paths: readonly (readonly [path: string, type: string, name: string])[]
): Rule {
  return {
    ...(host !== undefined && { host }),
    http: {
      paths: paths.map(([path, pathType, name]) => ({
        path,
        pathType,
        backend: { service: { name, port: { number: 80 } } },
      })),
    },
  };
}

function ingressOf(
  namespace: string,
  name: string,
  spec: object,
  annotations: Readonly<Record<string, string>> = {},
): Manifest & { readonly spec: object } {
  const metadata = { namespace, name, annotations };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata,
    spec: { ingressClassName: 'sluice', ...spec },
  };
}

describeWithKubernetesAndEnvoy('an Ingress', () => {
  const pair = certificate({ names: ['foo.bar.test'], key: 'rsa-2048' });
  let cluster: KubeCluster;
  let agent: NodeAgent;
  let backends: readonly Backend[];
  let listen: Addresses;
  let sluice: RunningProcess;
  let envoy: RunningEnvoy;

  beforeAll(async () => {
    cluster = await startKubeCluster({
      controllerManager: true,
      controllers: [
        'deployment-controller',
        'replicaset-controller',
        'endpointslice-controller',
        'namespace-controller',
      ],
    });
    agent = await startNodeAgent({
      cluster,
      addresses: { first: 20, last: 250 },
      lingerMs: 0,
      isUsed: () => Promise.resolve(false),
    });
    backends = await Promise.all(names.map((name, index) => startBackend({ name, address: podAddress(6 + index) })));
    listen = await freeAddresses();
    await apply(
      ingressClassManifest(),
      nodeManifest(nodeName),
      ...['paths', 'hosts', 'spread', 'else'].map((name) => namespaceManifest(name)),
    );
    const flags = {
      kubeconfig: cluster.kubeconfig,
      'xds-address': listen.xds,
      'admin-address': `127.0.0.1:${listen.adminPort}`,
      'listen-address': publicAddress,
      'http-port': String(listen.httpPort),
      'https-port': String(listen.httpsPort),
      'publish-status-address': publicAddress,
      'leader-election-namespace': 'default',
    };
    sluice = await startSluice(['serve', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])]);
    await sluice.waitForOutput(/published/, patience);
    envoy = await joinEnvoy({ xdsPort: Number(listen.xds.split(':')[1]) });
  }, 120_000);

  afterAll(async () => {
    await envoy?.stop();
    await sluice?.stop();
    await agent?.stop();
    await Promise.all((backends ?? []).map((each) => each.close()));
    await cluster?.stop();
  }, 60_000);

  async function apply(...items: readonly Manifest[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], manifestText(...items));
  }

  /** A Service for each backend. */
  function services(namespace: string): readonly Manifest[] {
    return backends.flatMap(({ name, address, port }) => [
      serviceManifest(namespace, name),
      endpointSliceManifest(namespace, name, { address, port }),
    ]);
  }

  /** As its status says. */
  function addressOf(namespace: string, name: string): Promise<string> {
    const path = 'jsonpath={.status.loadBalancer.ingress[*].ip}';
    return cluster.kubectl(['get', 'ingress', name, '-n', namespace, '-o', path]);
  }

  async function exposed(namespace: string, name: string): Promise<void> {
    await eventually(async () => expect(await addressOf(namespace, name)).toBe(publicAddress), patience);
  }

  function ask(host: string, path: string, method = 'GET'): Promise<HttpAnswer> {
    return httpRequest({ address: publicAddress, port: listen.httpPort, host, path, method });
  }

  /** The name of the backend, or the status when none answered. */
  async function answerOf(host: string, path: string): Promise<string> {
    const { status, body } = await ask(host, path);
    if (status !== 200) return String(status);
    const echo: Echo = JSON.parse(body);
    expect([echo.host, echo.path]).toEqual([host, path]);
    return echo.backend;
  }

  async function served(host: string, path: string, by: string): Promise<void> {
    await eventually(async () => {
      const answer = await answerOf(host, path);
      if (answer !== by) throw new Error(`${host}${path} is answered by ${answer}`);
    }, patience);
  }

  describe('with path rules', () => {
    beforeAll(async () => {
      await apply(
        ...services('paths'),
        ingressOf('paths', 'rules', {
          rules: [
            rule('exact-rules', ['/foo', 'Exact', 'exact']),
            rule(
              'prefix-rules',
              ['/foo', 'Prefix', 'prefix'],
              ['/aaa/bbb', 'Prefix', 'long'],
              ['/aaa', 'Prefix', 'short'],
            ),
            rule('mixed-rules', ['/foo', 'Prefix', 'prefix'], ['/foo', 'Exact', 'exact']),
            rule('slash-rules', ['/aaa/bbb/', 'Prefix', 'slash'], ['/foo/', 'Exact', 'exact']),
            rule('own-rules', ['/any', 'ImplementationSpecific', 'own']),
          ],
        }),
      );
      await exposed('paths', 'rules');
      await served('own-rules', '/any', 'own');
    }, 60_000);

    it.each([
      ['exact-rules', '/foo', 'exact'],
      ['exact-rules', '/foo/', '404'],
      ['exact-rules', '/FOO', '404'],
      ['exact-rules', '/bar', '404'],
      ['prefix-rules', '/foo', 'prefix'],
      ['prefix-rules', '/foo/', 'prefix'],
      ['prefix-rules', '/FOO', '404'],
      ['prefix-rules', '/aaa/bbb', 'long'],
      ['prefix-rules', '/aaa/bbb/ccc', 'long'],
      ['prefix-rules', '/aaa/ccc', 'short'],
      ['prefix-rules', '/aaaccc', '404'],
      ['mixed-rules', '/foo', 'exact'],
      ['mixed-rules', '/foo/', 'prefix'],
      ['slash-rules', '/aaa/bbb', 'slash'],
      ['slash-rules', '/aaa/bbb/', 'slash'],
      ['slash-rules', '/foo/', 'exact'],
      ['slash-rules', '/foo', '404'],
    ])('sends %s%s to %s', async (host, path, expected) => {
      expect(await answerOf(host, path)).toBe(expected);
    });
  });

  describe('with host rules', () => {
    beforeAll(async () => {
      await apply(
        ...services('hosts'),
        tlsSecretManifest('hosts', 'pair', pair),
        ingressOf(
          'hosts',
          'rules',
          {
            tls: [{ hosts: ['foo.bar.test'], secretName: 'pair' }],
            rules: [rule('*.foo.test', ['/', 'Prefix', 'wild']), rule('foo.bar.test', ['/', 'Prefix', 'own'])],
          },
          { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' },
        ),
      );
      await exposed('hosts', 'rules');
      await served('foo.bar.test', '/', 'own');
    }, 60_000);

    it.each([
      ['foo.bar.test', 'own'],
      ['subdomain.bar.test', '404'],
      ['bar.foo.test', 'wild'],
      ['baz.bar.foo.test', '404'],
      ['foo.test', '404'],
    ])('sends %s to %s', async (host, expected) => {
      expect(await answerOf(host, '/')).toBe(expected);
    });

    it('shows TLS clients the certificate of the host', async () => {
      const request = { address: publicAddress, port: listen.httpsPort, host: 'foo.bar.test', tls: { ca: pair.cert } };
      const { status, body } = await httpRequest(request);
      const echo: Echo = JSON.parse(body);
      expect([status, echo.backend, echo.host]).toEqual([200, 'own', 'foo.bar.test']);
    });
  });

  it('of an unknown class is given no address and no requests', async () => {
    const spec = { ingressClassName: 'nobody', rules: [rule('nobody.test', ['/', 'Prefix', 'own'])] };
    await apply(...services('else'), ingressOf('else', 'foreign', spec));
    await apply(ingressOf('else', 'ours', { rules: [rule('ours.test', ['/', 'Prefix', 'own'])] }));
    await exposed('else', 'ours');
    expect(await addressOf('else', 'foreign')).toBe('');
    expect(await answerOf('nobody.test', '/')).toBe('404');
  });

  it('without rules sends everything to its default backend, unchanged', async () => {
    const defaultBackend = { service: { name: 'rest', port: { number: 80 } } };
    await apply(...services('default'), ingressOf('default', 'rest', { defaultBackend }));
    await exposed('default', 'rest');
    await eventually(async () => expect(await answerOf('my-host', '/')).toBe('rest'), patience);
    for (const [method, host, path] of [
      ['GET', 'my-host', '/sub-path'],
      ['POST', 'some-host', '/'],
      ['PUT', publicAddress, '/resource'],
      ['DELETE', 'some-host', '/resource'],
      ['PATCH', 'my-host', '/resource?a=b'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { status, headers, body } = await ask(host, path, method);
      const echo: Echo = JSON.parse(body);
      expect([status, echo.backend, echo.method, echo.host, echo.path]).toEqual([200, 'rest', method, host, path]);
      expect(headers).toMatchObject({ 'content-type': 'application/json', date: expect.any(String) });
      // As with ingress-nginx, unless `server-tokens` asks for one.
      expect(headers).not.toHaveProperty('server');
    }
    await cluster.kubectl(['delete', 'ingress', 'rest', '-n', 'default']);
    await eventually(async () => expect(await answerOf('my-host', '/')).toBe('404'), patience);
  });

  it('goes with its namespace, and is served anew in one of the same name', async () => {
    const hosts = Array.from({ length: 200 }, (_, index) => `again-${index}.test`);
    const make = (name: string) =>
      apply(
        namespaceManifest('again'),
        ...services('again'),
        ...hosts.map((host) => ingressOf('again', host, { rules: [rule(host, ['/', 'Prefix', name])] })),
      );
    const answers = async () => new Set(await Promise.all(hosts.map((host) => answerOf(host, '/'))));
    await make('own');
    await eventually(async () => expect(await answers()).toEqual(new Set(['own'])), patience);
    await cluster.kubectl(['delete', 'namespace', 'again', '--timeout=60s']);
    await eventually(async () => expect(await answers()).toEqual(new Set(['404'])), patience);
    await make('wild');
    await eventually(async () => expect(await answers()).toEqual(new Set(['wild'])), patience);
  }, 120_000);

  it('leads nobody to the machine of the Envoy or to what its cloud knows of it', async () => {
    const at = (address: string) => endpointSliceManifest('else', 'evil', { address, port: 80 });
    // Of these the API server takes care, of the others nobody else does.
    await expect(apply(at('127.0.0.1'))).rejects.toThrow(/loopback/);
    await expect(apply(at('169.254.169.254'))).rejects.toThrow(/link-local/);
    const rules = [rule('evil.test', ['/', 'Prefix', 'evil'])];
    await apply(serviceManifest('else', 'evil'), at('168.63.129.16'), ingressOf('else', 'evil', { rules }));
    await eventually(async () => expect(await answerOf('evil.test', '/')).toBe('503'), patience);
    const events = ['get', 'events', '-n', 'else', '-o', 'jsonpath={.items[*].reason}'];
    await eventually(async () => expect(await cluster.kubectl(events)).toContain('EndpointRefused'), patience);
  });

  it('uses all of ten pods', async () => {
    const ports = { http: 3000 };
    await apply(
      deploymentManifest('spread', 'echo', { replicas: 1, version: 1, nodeName, ports }),
      selectingServiceManifest('spread', 'echo', 'echo', [{ name: 'http', port: 80, targetPort: 3000 }]),
      ingressOf('spread', 'spread', { rules: [rule('spread.test', ['/', 'Prefix', 'echo'])] }),
    );
    await exposed('spread', 'spread');
    await cluster.kubectl(['scale', 'deployment/echo', '-n', 'spread', '--replicas=10']);
    await cluster.kubectl(['rollout', 'status', 'deployment/echo', '-n', 'spread', '--timeout=60s']);
    await eventually(async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, () => ask('spread.test', '/')));
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      expect(new Set(answers.map(({ headers }) => headers['x-pod'])).size).toBe(10);
    }, patience);
  });
});
