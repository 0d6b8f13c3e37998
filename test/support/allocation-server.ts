/**
 * A program that serves applications and tells what a change of one allocates, for test/wire/allocations.test.ts: in a process of its
 * own, started with --expose-gc, so that nothing else allocates beside it. It is told over IPC what to do.
 */
import { getHeapStatistics } from 'node:v8';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { Translation } from '../../src/translation/translation.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { applied, endpointSlice, ingress, ingressClass, service } from './objects.ts';
import { translationOptions } from './serving.ts';

export type AllocationOrder =
  | { readonly kind: 'fill'; readonly applications: number }
  /** Answered when so many Envoys have accepted it. */
  | { readonly kind: 'change'; readonly of: 'endpoint' | 'ingress'; readonly number: number; readonly envoys: number };

export type AllocationAnswer =
  | { readonly kind: 'serving'; readonly port: number }
  /** Bytes of the heap, garbage included. */
  | { readonly kind: 'allocated'; readonly bytes: number };

let accepted: (() => void) | undefined;
const translation = new Translation(translationOptions);
const server = new XdsServer({
  host: '127.0.0.1',
  port: 0,
  observe: (_stream, event) => {
    if (event.kind === 'ack') accepted?.();
  },
});

// Only the test, which is written against the same types, has the other end of this channel.
process.on('message', (order: AllocationOrder) => {
  void (order.kind === 'fill' ? fill(order.applications) : change(order)).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit(0));

async function fill(applications: number): Promise<AllocationAnswer> {
  const port = await server.start();
  publish([ingressClass(), ...Array.from({ length: applications }, (_, i) => application(i)).flat()]);
  return { kind: 'serving', port };
}

async function change({
  of,
  number,
  envoys,
}: AllocationOrder & { readonly kind: 'change' }): Promise<AllocationAnswer> {
  const object = of === 'endpoint' ? slice(number, '10.1.0.1') : anotherIngress(number);
  let waiting = envoys;
  const done = new Promise<void>((fulfil) => {
    accepted = () => {
      waiting -= 1;
      if (waiting === 0) fulfil();
    };
  });
  // So often that none comes by itself while something is measured.
  if (number % 20 === 0) globalThis.gc?.();
  const before = getHeapStatistics().used_heap_size;
  publish([object]);
  await done;
  return { kind: 'allocated', bytes: getHeapStatistics().used_heap_size - before };
}

function publish(objects: readonly KubernetesObject[]): void {
  translation.update(objects.map(applied));
  server.publish(translation.commit());
}

function application(i: number): readonly KubernetesObject[] {
  const backend = `app-${i}`;
  const hosts = { [`${backend}.example.com`]: { '/': `${backend}:http` } };
  return [service(backend, { http: 80 }), slice(i, '10.0.0.1'), ingress(backend, { hosts })];
}

function slice(i: number, address: string): KubernetesObject {
  return endpointSlice(`app-${i}`, `app-${i}`, { http: 8080 }, [address, '10.2.0.1', '10.2.0.2']);
}

/** A host of its own for an application that is there. */
function anotherIngress(i: number): KubernetesObject {
  return ingress(`another-${i}`, { hosts: { [`another-${i}.example.com`]: { '/': `app-${i}:http` } } });
}
