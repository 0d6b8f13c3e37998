import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directorySource } from '../../src/source/directory.ts';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import type { Source } from '../../src/source/source.ts';
import { eventually } from '../support/eventually.ts';
import { FakeApiServer } from './fake-api-server.ts';
import {
  type RawObject,
  rawBrokenIngress,
  rawEndpointSlice,
  rawIngress,
  rawIngressClass,
  rawSecret,
  rawService,
} from './raw-objects.ts';
import { Recorder } from './recorder.ts';
import { silentLog } from './silent-log.ts';

jest.setTimeout(30_000);

/** Somewhere objects live, with the source that reads them. */
interface Origin {
  readonly source: Source;
  readonly put: (object: RawObject) => Promise<void>;
  readonly remove: (object: RawObject) => Promise<void>;
  readonly stop: () => Promise<void>;
}

async function folderOrigin(): Promise<Origin> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-source-'));
  const fileOf = ({ kind, metadata }: RawObject): string => join(folder, `${kind}-${metadata.name}.json`);
  return {
    source: directorySource([folder]),
    put: (object) => writeFile(fileOf(object), JSON.stringify(object)),
    remove: (object) => rm(fileOf(object)),
    stop: () => rm(folder, { recursive: true }),
  };
}

async function clusterOrigin(): Promise<Origin> {
  const server = await FakeApiServer.start();
  return {
    source: kubernetesSource({ kubeConfig: server.kubeConfig, namespaces: [], log: silentLog }),
    put: async (object) => server.put(object),
    remove: async (object) => server.remove(object),
    stop: () => server.stop(),
  };
}

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

describe.each([
  ['directorySource', folderOrigin],
  ['kubernetesSource', clusterOrigin],
])('%s', (_name, makeOrigin) => {
  let origin: Origin;
  let recorder: Recorder;

  const begin = async (objects: readonly RawObject[]): Promise<void> => {
    await Promise.all(objects.map((object) => origin.put(object)));
    recorder = new Recorder(origin.source);
    await recorder.synced();
  };

  beforeEach(async () => {
    origin = await makeOrigin();
  });

  afterEach(async () => {
    recorder.stop();
    await origin.stop();
  });

  it('sends every object that exists, then that it is synced, once', async () => {
    await begin(allKinds);
    expect(recorder.names).toEqual(allNames);
    expect(recorder.events.at(-1)).toEqual({ kind: 'synced' });
    expect(recorder.syncs).toBe(1);
  });

  it('is synced when there is nothing at all', async () => {
    await begin([]);
    expect(recorder.events).toEqual([{ kind: 'synced' }]);
  });

  it('sends objects of all kinds that come, change and go', async () => {
    await begin([]);
    await Promise.all(allKinds.map((object) => origin.put(object)));
    await recorder.until('all came', () => recorder.objects.size === allKinds.length);
    expect(recorder.names).toEqual(allNames);

    await origin.put(rawService('web', 8080));
    await recorder.until('the port changed', () =>
      JSON.stringify(recorder.objects.get('Service default/web')).includes('8080'),
    );

    await Promise.all(allKinds.map((object) => origin.remove(object)));
    await recorder.until('all went', () => recorder.objects.size === 0);
    expect(recorder.syncs).toBe(1);
  });

  it('says nothing when an object is written again with nothing new in it', async () => {
    await begin([rawIngress('web')]);
    const noisy = rawIngress('web');
    await origin.put({
      ...noisy,
      metadata: { ...noisy.metadata, managedFields: [{ manager: 'x' }] },
      status: { a: 1 },
    });
    await origin.put(rawIngress('other'));
    await recorder.until('the other came', () => recorder.objects.has('Ingress default/other'));
    expect(recorder.changes.map(({ name }) => name)).toEqual(['web', 'other']);
  });

  it('keeps the last good form of an object that becomes unreadable, and says what is wrong until it is right', async () => {
    await begin([rawIngress('web', 'first.test')]);
    const good = recorder.objects.get('Ingress default/web');
    await origin.put(rawBrokenIngress('web'));
    await recorder.until('there is a problem', () => recorder.problems.length > 0);
    expect(recorder.problems).toMatchObject([
      {
        object: { kind: 'Ingress', namespace: 'default', name: 'web' },
        field: 'spec.rules[0].http.paths[0].backend.service.port.number',
        severity: 'error',
        reason: 'InvalidObject',
      },
    ]);
    expect(recorder.objects.get('Ingress default/web')).toBe(good);

    await origin.put(rawIngress('web', 'second.test'));
    await recorder.until('the problem is over', () => recorder.problems.length === 0);
    expect(recorder.objects.get('Ingress default/web')).toMatchObject({ spec: { rules: [{ host: 'second.test' }] } });
  });

  it('forgets the problems of an unreadable object that is deleted', async () => {
    await begin([rawBrokenIngress('web')]);
    await recorder.until('there is a problem', () => recorder.problems.length === 1);
    expect(recorder.names).toEqual([]);
    await origin.remove(rawBrokenIngress('web'));
    await recorder.until('the problem is over', () => recorder.problems.length === 0);
  });

  it('starts anew for each subscriber', async () => {
    await begin(allKinds);
    recorder.stop();
    await origin.remove(rawIngress('web'));
    recorder = new Recorder(origin.source);
    await recorder.synced();
    expect(recorder.names).toEqual(allNames.filter((name) => !name.startsWith('Ingress default')));
  });

  it('frees what it held when it is unsubscribed from', async () => {
    const before = process.getActiveResourcesInfo().length;
    await begin(allKinds);
    recorder.stop();
    await eventually(() => {
      expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
    });
  });
});
