import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { loadKubeConfig } from '../../src/source/kube-config.ts';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import type { ReflectorEvent } from '../../src/source/reflector.ts';
import {
  type RawObject,
  rawEndpointSlice,
  rawIngress,
  rawIngressClass,
  rawSecret,
  rawService,
} from '../source/raw-objects.ts';
import { Recorder } from '../source/recorder.ts';
import { keepingLog } from '../source/silent-log.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';

jest.setTimeout(90_000);

const allKinds = [
  rawIngressClass('sluice'),
  rawIngress('web'),
  rawService('web'),
  rawEndpointSlice('web-1', 'web', ['10.0.0.1']),
  rawSecret('web-tls'),
];
const allNames = [
  'EndpointSlice default/web-1',
  'Ingress default/web',
  'IngressClass sluice',
  'Secret default/web-tls',
  'Service default/web',
];

/** What the API server makes by itself. */
const ownName = /^(Service|EndpointSlice) default\/kubernetes$/;

describe('kubernetesSource with a real API server', () => {
  let cluster: KubeCluster;
  let recorder: Recorder;
  let observed: ReflectorEvent[];
  let lines: readonly string[];

  const begin = async (namespaces: readonly string[] = []): Promise<void> => {
    const kept = keepingLog();
    lines = kept.lines;
    observed = [];
    const kubeConfig = await loadKubeConfig(cluster.kubeconfig);
    const observe = (event: ReflectorEvent): void => void observed.push(event);
    recorder = new Recorder(kubernetesSource({ kubeConfig, namespaces, log: kept.log, observe }));
    await recorder.synced(20_000);
  };
  const apply = (...objects: readonly RawObject[]): Promise<string> => {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    return cluster.kubectl(['apply', '-f', '-'], JSON.stringify(list));
  };
  const names = (): readonly string[] => recorder.names.filter((name) => !ownName.test(name));
  const hasAll = (): boolean => allNames.every((name) => recorder.objects.has(name));

  beforeAll(async () => {
    cluster = await startKubeCluster();
  });

  afterEach(async () => {
    recorder.stop();
    // One request, where `delete --all` takes one for each object.
    await cluster.kubectl(['delete', '--raw', '/apis/networking.k8s.io/v1/namespaces/default/ingresses']);
    await cluster.kubectl(['delete', 'services,endpointslices,secrets', '--all', '-n', 'default']);
    await cluster.kubectl(['delete', 'ingressclasses', '--all']);
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it('sees objects of all kinds that are applied, edited and deleted', async () => {
    await begin();
    await apply(...allKinds);
    await recorder.until('all came', hasAll);
    expect(names()).toEqual(allNames);
    expect(recorder.objects.get('Ingress default/web')).toMatchObject({
      metadata: { uid: expect.stringMatching(/^[-0-9a-f]{36}$/), creationTimestamp: expect.stringMatching(/Z$/) },
      spec: { rules: [{ host: 'web.test' }] },
    });
    expect(recorder.objects.get('Secret default/web-tls')).toMatchObject({
      certificate: 'certificate',
      privateKey: 'key',
    });

    await apply(
      rawIngress('web', 'new.test'),
      rawService('web', 8080),
      rawEndpointSlice('web-1', 'web', ['10.0.0.1', '10.0.0.2']),
      rawSecret('web-tls', 'new certificate'),
    );
    await cluster.kubectl(['annotate', 'ingressclass', 'sluice', 'ingressclass.kubernetes.io/is-default-class=true']);
    await recorder.until('all changed', () => {
      const text = JSON.stringify([...recorder.objects.values()]);
      return ['new.test', '8080', '10.0.0.2', 'new certificate', 'is-default-class'].every((part) =>
        text.includes(part),
      );
    });

    await cluster.kubectl(['delete', 'ingress/web', 'service/web', 'endpointslice/web-1', 'secret/web-tls']);
    await cluster.kubectl(['delete', 'ingressclass/sluice']);
    await recorder.until('all went', () => names().length === 0);
    expect(recorder.syncs).toBe(1);
    expect(recorder.problems).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('says nothing of writes that change nothing it reads', async () => {
    await apply(rawIngress('web'));
    await begin();
    const sent = recorder.events.length;
    await cluster.kubectl(['label', 'ingress', 'web', 'a=b']);
    await apply(rawIngress('marker'));
    await recorder.until('the marker came', () => recorder.objects.has('Ingress default/marker'));
    expect(recorder.changes.slice(-1)).toMatchObject([{ name: 'marker' }]);
    expect(recorder.events).toHaveLength(sent + 1);
  });

  it('reads Secrets that hold certificates, and no others', async () => {
    await cluster.kubectl(['create', 'secret', 'generic', 'password', '--from-literal=a=b']);
    await apply(rawSecret('web-tls'));
    await begin();
    expect(names()).toEqual(['Secret default/web-tls']);
  });

  it('reads only the namespaces it is told to', async () => {
    await cluster.kubectl(['create', 'namespace', 'blue']);
    await apply(rawIngress('web'), rawIngress('web', 'blue.test', 'blue'), rawIngressClass('sluice'));
    await begin(['blue']);
    expect(names()).toEqual(['Ingress blue/web', 'IngressClass sluice']);
    await cluster.kubectl(['delete', 'ingress/web', '-n', 'blue']);
  });

  it('survives that the API server restarts, and learns what changed while it did not look', async () => {
    await apply(...allKinds);
    await begin();
    const sent = recorder.events.length;
    await cluster.restartApiServer();
    await apply(rawIngress('later'));
    await cluster.kubectl(['delete', 'ingress/web']);
    await recorder.until('it caught up', () => !recorder.objects.has('Ingress default/web'), 40_000);
    await recorder.until('later came', () => recorder.objects.has('Ingress default/later'));
    expect(recorder.syncs).toBe(1);
    const changes = recorder.events.slice(sent).flatMap((event) => (event.kind === 'changes' ? event.changes : []));
    const ofIngresses = changes.filter(({ kind }) => kind === 'Ingress');
    const summary = ofIngresses.map(({ name, object }) => `${name} ${object === undefined ? 'gone' : 'is'}`);
    expect(summary.toSorted()).toEqual(['later is', 'web gone']);
  });

  it('lists anew when the version it knows is compacted away while the API server is down', async () => {
    await apply(...allKinds);
    await begin();
    await cluster.stopApiServer();
    await recorder.until('it noticed', () => observed.some(({ kind }) => kind === 'failed'), 20_000);
    await cluster.startApiServer();
    await cluster.kubectl(['delete', 'ingress/web']);
    await cluster.compact();
    await recorder.until('web went', () => !recorder.objects.has('Ingress default/web'), 40_000);
    expect(names()).toEqual(allNames.filter((name) => name !== 'Ingress default/web'));
  });

  it('lists many objects in pages', async () => {
    await apply(...Array.from({ length: 620 }, (_, index) => rawIngress(`web-${index}`)));
    await begin();
    expect(names()).toHaveLength(620);
    const lists = observed.filter(({ kind }) => kind === 'listed');
    expect(lists).toContainEqual({ kind: 'listed', resource: 'Ingress', namespace: '', objects: 620, pages: 2 });
  });
});
