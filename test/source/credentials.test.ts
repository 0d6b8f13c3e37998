import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { KubeConfig } from '@kubernetes/client-node';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadKubeConfig } from '../../src/source/kube-config.ts';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { portOf } from '../support/ports.ts';
import { FakeApiServer, type FakeRequest, sendStatus } from './fake-api-server.ts';
import { rawIngress } from './raw-objects.ts';
import { Recorder } from './recorder.ts';
import { keepingLog } from './silent-log.ts';

jest.setTimeout(30_000);

const authority = certificateAuthority('test authority');
const serverPair = certificate({ issuer: authority, names: ['127.0.0.1'] });

describe('the credentials of a kubeconfig', () => {
  let folder: string;
  let server: FakeApiServer;
  let recorder: Recorder | undefined;
  let lines: readonly string[];
  let isWelcome: (request: FakeRequest) => boolean;

  const file = (name: string): string => join(folder, name);
  const write = (name: string, text: string): Promise<void> => writeFile(file(name), text);

  /** A kubeconfig with this user, in a folder with its files. */
  const configure = (user: object, cluster: object = {}): Promise<void> => {
    const caData = Buffer.from(authority.cert).toString('base64');
    const url = `https://127.0.0.1:${server.port}`;
    return write(
      'kubeconfig',
      JSON.stringify({
        clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority-data': caData, ...cluster } }],
        users: [{ name: 'u', user }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }),
    );
  };
  const load = (): Promise<KubeConfig> => loadKubeConfig(file('kubeconfig'));
  const begin = async (): Promise<Recorder> => {
    const kept = keepingLog();
    ({ lines } = kept);
    const limits = { listIntervalMs: 50, backoffFirstMs: 10, backoffCapMs: 100, stableMs: 0 };
    const kubeConfig = await load();
    recorder = new Recorder(kubernetesSource({ kubeConfig, reload: load, namespaces: [], log: kept.log, limits }));
    return recorder;
  };
  const welcomes = (token: string): void => {
    isWelcome = ({ headers }) => headers.authorization === `Bearer ${token}`;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-credentials-'));
    server = await FakeApiServer.start(0, { cert: serverPair.cert, key: serverPair.key, ca: authority.cert });
    server.put(rawIngress('web'));
    isWelcome = () => true;
    server.intercept = (request, response) => {
      if (isWelcome(request)) return false;
      sendStatus(response, 401, 'Unauthorized');
      return true;
    };
  });
  afterEach(async () => {
    recorder?.stop();
    recorder = undefined;
    await server.stop();
    await rm(folder, { recursive: true });
  });

  it('are read again when the server refuses them: a token in a file, newline and all', async () => {
    await write('token', 'first\n');
    await configure({ tokenFile: 'token' });
    welcomes('first');
    const reading = await begin();
    await reading.synced();

    welcomes('second');
    await write('token', 'second\n');
    server.endWatches('cut');
    server.put(rawIngress('later'));
    await reading.until('it goes on', () => reading.objects.has('Ingress default/later'));
    await reading.until('it is said to be over', () => lines.some((line) => line.startsWith('info: Over')));
    expect(reading.syncs).toBe(1);
  });

  it('are made anew by a plugin when the server refuses those that it gave before', async () => {
    const plugin = `#!${process.execPath}
      const { appendFileSync, readFileSync } = require('node:fs');
      appendFileSync(${JSON.stringify(file('runs'))}, process.env.KUBERNETES_EXEC_INFO + '\\n');
      const token = readFileSync(${JSON.stringify(file('token'))}, 'utf8');
      const status = { token, expirationTimestamp: '2099-01-01T00:00:00Z' };
      console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }));`;
    await write('plugin.cjs', plugin);
    await chmod(file('plugin.cjs'), 0o755);
    await write('token', 'first');
    const apiVersion = 'client.authentication.k8s.io/v1';
    await configure({ exec: { apiVersion, command: './plugin.cjs', interactiveMode: 'Never' } });
    welcomes('first');
    const reading = await begin();
    await reading.synced();

    welcomes('second');
    await write('token', 'second');
    server.endWatches('cut');
    server.put(rawIngress('later'));
    await reading.until('it goes on', () => reading.objects.has('Ingress default/later'));
    const runs = (await readFile(file('runs'), 'utf8')).trim().split('\n');
    expect(JSON.parse(runs[0] ?? '')).toEqual({ kind: 'ExecCredential', apiVersion, spec: { interactive: false } });
    expect(runs.length).toBeLessThan(8);
  });

  it('may be a certificate, whose files may change', async () => {
    const pairOf = async (name: string): Promise<void> => {
      const pair = certificate({ issuer: authority, commonName: name });
      await Promise.all([write('client.crt', pair.cert), write('client.key', pair.key)]);
    };
    await pairOf('first');
    await configure({ 'client-certificate': 'client.crt', 'client-key': 'client.key' });
    isWelcome = ({ clientName }) => clientName === 'first';
    const reading = await begin();
    await reading.synced();

    isWelcome = ({ clientName }) => clientName === 'second';
    await pairOf('second');
    server.endWatches('cut');
    server.put(rawIngress('later'));
    await reading.until('it goes on', () => reading.objects.has('Ingress default/later'));
    expect(server.requests.at(-1)?.clientName).toBe('second');
  });

  it('go through the proxy that the cluster names', async () => {
    const { proxy, tunnels } = await startTunnel();
    try {
      await configure({ token: 'secret' }, { 'proxy-url': `http://127.0.0.1:${portOf(proxy)}` });
      welcomes('secret');
      const reading = await begin();
      await reading.synced();
      expect(reading.names).toEqual(['Ingress default/web']);
      expect(new Set(tunnels)).toEqual(new Set([`127.0.0.1:${server.port}`]));
    } finally {
      recorder?.stop();
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it('that cannot be had are said to be so, and asked for again', async () => {
    await configure({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: './gone' } });
    const reading = await begin();
    await reading.until('it is said', () => lines.some((line) => line.includes('cannot read the credentials')));
    await configure({ token: 'secret' });
    expect(reading.syncs).toBe(0);
  });

  it.each([
    [{ 'as-groups': ['admins'] }, 'as-groups of user "u" is not supported'],
    [
      { exec: { command: 'x', interactiveMode: 'Always' } },
      'exec.interactiveMode: Always of user "u" is not supported',
    ],
  ])('are refused when they ask for what is not supported: %j', async (user, message) => {
    await configure(user);
    await expect(load()).rejects.toThrow(message);
  });

  it('are refused when the server has no address that can be used', async () => {
    await configure({}, { server: 'localhost:6443' });
    await expect(load()).rejects.toThrow('the server "localhost:6443" of cluster "c" is no http(s) URL');
  });
});

async function startTunnel(): Promise<{ readonly proxy: Server; readonly tunnels: readonly string[] }> {
  const tunnels: string[] = [];
  const proxy = createServer();
  proxy.on('connect', ({ url = '' }, client) => {
    tunnels.push(url);
    const [host = '', port = ''] = url.split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  return { proxy, tunnels };
}
