import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import { FakeApiServer } from './fake-api-server.ts';
import { type RawObject, rawConfigMap, rawIngress, rawSecret } from './raw-objects.ts';
import { Recorder } from './recorder.ts';
import { silentLog } from './silent-log.ts';

jest.setTimeout(30_000);

function withTls(name: string, ...secrets: readonly string[]): RawObject {
  const ingress = rawIngress(name);
  const tls = secrets.map((secretName) => ({ hosts: [`${name}.test`], secretName }));
  return { ...ingress, spec: { ...Object(ingress['spec']), tls } };
}

function opaque(name: string, certificate = 'certificate'): RawObject {
  return { ...rawSecret(name, certificate), type: 'Opaque' };
}

describe('Secrets of other types than that for certificates', () => {
  let server: FakeApiServer;
  let recorder: Recorder;

  const begin = (secrets: readonly string[] = []): void => {
    const limits = { listIntervalMs: 50, backoffFirstMs: 10, backoffCapMs: 100, stableMs: 0 };
    const { kubeConfig } = server;
    recorder = new Recorder(kubernetesSource({ kubeConfig, namespaces: [], secrets, log: silentLog, limits }));
  };
  const certificateOf = (name: string): string | undefined => {
    const object = recorder.objects.get(`Secret default/${name}`);
    return object?.kind === 'Secret' ? object.certificate : undefined;
  };
  const named = (): readonly string[] =>
    server.requests.flatMap(({ query }) => /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? []);

  beforeEach(async () => {
    server = await FakeApiServer.start();
  });
  afterEach(async () => {
    recorder.stop();
    await server.stop();
  });

  it('are there when all is synced, if an Ingress names them, and others are never asked for', async () => {
    for (let index = 0; index < 20; index += 1) server.put(opaque(`unrelated-${index}`));
    server.put(opaque('web-tls'));
    server.put(rawSecret('typed'));
    server.put(withTls('web', 'web-tls', 'typed'));
    begin();
    await recorder.synced();
    expect(recorder.names).toEqual(['Ingress default/web', 'Secret default/typed', 'Secret default/web-tls']);
    expect(recorder.events.at(-1)).toEqual({ kind: 'synced' });
    expect(new Set(named())).toEqual(new Set(['web-tls']));
  });

  it('are looked for up to a hundred times for one Ingress, so that it cannot hold everything up', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `missing-${index}`);
    server.put(withTls('greedy', ...names, ...names, 'typed'));
    server.put(rawSecret('typed'));
    server.put(opaque('web-tls'));
    server.put(withTls('modest', 'web-tls'));
    begin();
    await recorder.synced();
    expect(recorder.names.slice(2)).toEqual(['Secret default/typed', 'Secret default/web-tls']);
    expect(new Set(named()).size).toBe(101);
  });

  it('come, change and go with the Secret and with the last Ingress that names them', async () => {
    begin();
    await recorder.synced();
    server.put(withTls('a', 'shared'));
    server.put(withTls('b', 'shared'));
    await recorder.until('it is looked for', () => named().length > 1);
    server.put(opaque('shared', 'first'));
    await recorder.until('it came', () => certificateOf('shared') === 'first');
    server.put(opaque('shared', 'second'));
    await recorder.until('it changed', () => certificateOf('shared') === 'second');
    server.remove(opaque('shared'));
    await recorder.until('it went', () => certificateOf('shared') === undefined);
    server.put(opaque('shared', 'third'));
    await recorder.until('it came again', () => certificateOf('shared') === 'third');
    server.remove(withTls('a', 'shared'));
    await recorder.until('one Ingress went', () => !recorder.objects.has('Ingress default/a'));
    expect(certificateOf('shared')).toBe('third');
    server.remove(withTls('b', 'shared'));
    await recorder.until('nobody names it', () => certificateOf('shared') === undefined);
  });

  it('are one object with that of the right type, whichever was there first', async () => {
    server.put(withTls('web', 'web-tls'));
    server.put(opaque('web-tls', 'opaque'));
    begin();
    await recorder.synced();
    expect(certificateOf('web-tls')).toBe('opaque');
    server.remove(opaque('web-tls'));
    server.put(rawSecret('web-tls', 'typed'));
    await recorder.until('the typed one is known', () => certificateOf('web-tls') === 'typed');
    server.remove(rawSecret('web-tls'));
    server.put(opaque('web-tls', 'again'));
    await recorder.until('the opaque one is known', () => certificateOf('web-tls') === 'again');
  });

  it('are read without anybody naming them when they are wanted in any case', async () => {
    server.put(opaque('fallback'));
    begin(['default/fallback']);
    await recorder.synced();
    expect(recorder.names).toEqual(['Secret default/fallback']);
  });
});

describe('ConfigMaps', () => {
  let server: FakeApiServer;
  let recorder: Recorder;

  const begin = (...configMaps: readonly string[]): void => {
    const limits = { listIntervalMs: 50, backoffFirstMs: 10, backoffCapMs: 100, stableMs: 0 };
    const { kubeConfig } = server;
    recorder = new Recorder(kubernetesSource({ kubeConfig, namespaces: [], configMaps, log: silentLog, limits }));
  };
  const dataOf = (name: string) => {
    const object = recorder.objects.get(`ConfigMap default/${name}`);
    return object?.kind === 'ConfigMap' ? { ...object.data } : undefined;
  };
  const naming = (configMap: string): RawObject => {
    const ingress = rawIngress('web');
    const annotations = { 'own.prefix/custom-headers': configMap };
    return { ...ingress, metadata: { ...ingress.metadata, annotations } };
  };

  beforeEach(async () => {
    server = await FakeApiServer.start();
  });
  afterEach(async () => {
    recorder.stop();
    await server.stop();
  });

  it('are read one by one, those that are wanted and those that they and Ingresses name', async () => {
    for (let index = 0; index < 20; index += 1) server.put(rawConfigMap(`unrelated-${index}`, {}));
    server.put(rawConfigMap('settings', { 'add-headers': 'default/added' }));
    server.put(rawConfigMap('added', { a: '1' }));
    server.put(rawConfigMap('custom', { b: '2' }));
    server.put(naming('custom'));
    begin('default/settings');
    await recorder.synced();
    expect(recorder.events.at(-1)).toEqual({ kind: 'synced' });
    expect(recorder.names).toEqual([
      'ConfigMap default/added',
      'ConfigMap default/custom',
      'ConfigMap default/settings',
      'Ingress default/web',
    ]);
    const collections = server.requests.filter(({ path }) => path.endsWith('/configmaps'));
    expect(collections.filter(({ query }) => query.get('fieldSelector') === null)).toEqual([]);
  });

  it('come, change and go, also those that one of them names', async () => {
    begin('default/settings');
    await recorder.synced();
    expect(recorder.names).toEqual([]);
    server.put(rawConfigMap('added', { a: '1' }));
    server.put(rawConfigMap('settings', { 'add-headers': 'default/added' }));
    await recorder.until('both came', () => dataOf('added')?.['a'] === '1');
    server.put(rawConfigMap('added', { a: '2' }));
    await recorder.until('it changed', () => dataOf('added')?.['a'] === '2');
    server.put(rawConfigMap('settings', {}));
    await recorder.until('nobody names it', () => dataOf('added') === undefined);
    server.remove(rawConfigMap('settings', {}));
    await recorder.until('it went', () => dataOf('settings') === undefined);
  });

  it.each(['a,metadata.namespace=kube-system', 'A', 'a/b/c', '../a', '', 'a\nb'])(
    'are not asked for by what is no name: %j',
    async (name) => {
      server.put(naming(name));
      begin();
      await recorder.synced();
      expect(server.requests.filter(({ path }) => path.endsWith('/configmaps'))).toEqual([]);
    },
  );
});
