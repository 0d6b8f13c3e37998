/** The state machine against a model of everything around it: a translation, a store, and Envoys that refuse certain contents. */
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { fingerprintOf, heldForm } from '../../src/cluster/held-object.ts';
import type { HeldObject } from '../../src/cluster/held-object.ts';
import type { Ingress, KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { Quarantine } from '../../src/quarantine/quarantine.ts';
import type { ObjectKey } from '../../src/quarantine/suspicion.ts';
import { BatchCache } from '../../src/xds/batch.ts';
import { bodyOf, createResource } from '../../src/xds/resource.ts';
import type { Resource } from '../../src/xds/resource.ts';
import type { ResourceChange } from '../../src/xds/view.ts';
import { ingress } from '../support/objects.ts';

const type = typeUrl.virtualHost;

/** `resources` says of which objects each is made; contents that begin with `bad` are refused by Envoys. */
class World {
  readonly resources: Readonly<Record<string, readonly string[]>>;
  readonly quarantine: Quarantine;
  readonly served = new Map<string, Resource>();
  /** What the Envoy has, and how often it was sent what it refused. */
  readonly envoy = new Map<string, Resource>();
  readonly refusals = new Map<string, number>();
  readonly #objects = new Map<string, Ingress>();
  readonly #held = new Map<string, HeldObject>();
  readonly #raw = new Map<string, Resource>();
  /** What was in use of each object when resources were computed last. */
  readonly #used = new Map<string, KubernetesObject>();
  readonly #batches = new BatchCache();
  /** Whether there is another Envoy, which accepts everything. */
  hasLenient = false;
  now = 0;

  constructor(resources: Readonly<Record<string, readonly string[]>>) {
    this.resources = resources;
    this.quarantine = new Quarantine({
      others: ({ name, version }, without) => {
        if (this.hasLenient) return 'accepted';
        if (without.has(1)) return 'none';
        return this.envoy.get(name)?.version === version ? 'accepted' : 'open';
      },
      isBelieved: () => true,
      isConnected: () => true,
      suspects: (_type, name) => (resources[name] ?? []).map((key) => ({ kind: 'Ingress', key })),
      objectOf: ({ key }) => this.#objects.get(key),
      served: (_type, name) => this.served.get(name),
    });
  }

  remember(held: readonly HeldObject[]): void {
    for (const each of held) this.#held.set(each.key, each);
  }

  write(key: string, content: string): void {
    const object = ingress(key, { namespace: '', annotations: { content } });
    this.quarantine.noteUpdate({ kind: 'Ingress', key }, object);
    this.#objects.set(key, object);
    const held = this.#held.get(key);
    if (held !== undefined && held.fingerprint !== fingerprintOf(object)) this.#held.delete(key);
  }

  /** What cannot be served by our own checks: it is held before it is published. */
  writeFaulty(key: string, content: string): void {
    this.write(key, content);
    const [object, lastGood] = [this.#objects.get(key), this.#used.get(key)];
    if (object === undefined || lastGood === undefined) throw new Error('it was never good');
    const fault = { object: { kind: 'Ingress', namespace: '', name: key }, field: '', message: 'no', fix: '' } as const;
    const faults = [{ ...fault, severity: 'error', reason: 'InvalidPath' } as const];
    this.#held.set(key, this.quarantine.holdFaulty(object, lastGood, faults, this.now));
  }

  /** Until nothing happens any more. */
  settle(): void {
    for (let round = 0; round < 500; round += 1) if (!this.advance()) return;
    throw new Error('it does not come to rest');
  }

  /** One publication and what the Envoy says of it; whether anything happens after that. */
  advance(): boolean {
    this.now += 50;
    const { hold, release, changes } = this.quarantine.step(this.now);
    for (const held of hold) this.#held.set(held.key, held);
    for (const { key } of release) this.#held.delete(key);
    const computed = this.#compute();
    const passed = [...changes, ...this.quarantine.filter(computed, this.now)];
    this.#publish(passed);
    this.#converse();
    return passed.length + hold.length + release.length > 0 || this.quarantine.isWaiting;
  }

  /** The contents that a resource has at the Envoy. */
  contentsOf(name: string): readonly string[] {
    const resource = this.envoy.get(name);
    return resource === undefined ? [] : bodyOf(resource).toString().split(' ');
  }

  get blamed(): readonly string[] {
    return this.quarantine.problems().map(({ object, reason }) => `${reason} ${object.name}`);
  }

  #compute(): readonly ResourceChange[] {
    return Object.entries(this.resources).flatMap(([name, keys]) => {
      const contents = keys.flatMap((key) => this.#contentOf({ kind: 'Ingress', key }));
      const resource = createResource(type, name, Buffer.from(contents.join(' ')));
      if (this.#raw.get(name)?.version === resource.version) return [];
      this.#raw.set(name, resource);
      return [{ typeUrl: type, name, resource }];
    });
  }

  #contentOf({ key }: ObjectKey): readonly string[] {
    const object = this.#objects.get(key);
    const held = this.#held.get(key);
    const used: KubernetesObject | undefined = object && held ? heldForm(held.form, object) : object;
    if (used?.kind !== 'Ingress') return [];
    this.#used.set(key, used);
    return [used.isHeld === true ? 'closed' : (used.metadata.annotations['content'] ?? '')];
  }

  #publish(changes: readonly ResourceChange[]): void {
    for (const { name, resource } of changes) {
      if (resource === undefined) this.served.delete(name);
      else this.served.set(name, resource);
    }
  }

  #converse(): void {
    for (const [name, resource] of this.served) {
      const { version } = resource;
      if (this.envoy.get(name)?.version === version || this.#pending.has(`${name} ${version}`)) continue;
      const text = bodyOf(resource).toString();
      if (/\bbad/.test(text)) {
        this.refusals.set(version, (this.refusals.get(version) ?? 0) + 1);
        this.#pending.add(`${name} ${version}`);
        this.quarantine.refuse({ typeUrl: type, name, version, message: 'no', stream: 1, node: 'a' }, this.now);
      } else {
        this.envoy.set(name, resource);
        this.quarantine.accept(this.#batches.of([resource], []));
      }
    }
  }

  /** What a session would not send again to who has refused it. */
  readonly #pending = new Set<string>();
}

const resources = {
  one: ['a'],
  two: ['a', 'b'],
  three: ['b', 'c', 'd', 'e'],
  many: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
};
const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

function open(): World {
  const world = new World(resources);
  for (const key of keys) world.write(key, `${key}0`);
  world.settle();
  return world;
}

describe('the quarantine', () => {
  it('holds the one object that is refused at what it was, and lets all others change', () => {
    const world = open();
    for (const key of keys) world.write(key, key === 'c' ? 'bad-c1' : `${key}1`);
    world.settle();
    expect(world.blamed).toEqual(['RefusedByEnvoy c']);
    expect(world.contentsOf('many')).toEqual(['a1', 'b1', 'c0', 'd1', 'e1', 'f1', 'g1', 'h1']);
    world.write('c', 'c2');
    world.settle();
    expect(world.blamed).toEqual([]);
    expect(world.contentsOf('three')).toEqual(['b1', 'c2', 'd1', 'e1']);
  });

  it('closes what is refused from the start, and finds several that are', () => {
    const world = new World(resources);
    for (const key of keys) world.write(key, ['b', 'g'].includes(key) ? `bad-${key}` : key);
    world.settle();
    expect(world.blamed.toSorted()).toEqual(['RefusedByEnvoy b', 'RefusedByEnvoy g']);
    expect(world.contentsOf('many')).toEqual(['a', 'closed', 'c', 'd', 'e', 'f', 'closed', 'h']);
  });

  it('holds nothing for what others have in use', () => {
    const world = open();
    world.hasLenient = true;
    world.write('a', 'bad-for-one');
    world.settle();
    expect(world.blamed).toEqual(['RefusedByOneEnvoy a', 'RefusedByOneEnvoy a', 'RefusedByOneEnvoy a']);
    world.quarantine.forgetStream(1);
    expect(world.blamed).toEqual([]);
  });

  it('names the resource where no object can be blamed, and keeps what was accepted last', () => {
    const world = new World({ lonely: [] });
    world.settle();
    const resource = createResource(type, 'lonely', Buffer.from('bad'));
    world.served.set('lonely', resource);
    world.quarantine.refuse(
      { typeUrl: type, name: 'lonely', version: resource.version, message: 'no', stream: 1, node: 'a' },
      0,
    );
    world.settle();
    expect(world.blamed).toEqual(['RefusedByEnvoy lonely']);
  });

  it('takes over what another run has found out, as long as the object is the same', () => {
    const first = open();
    first.write('c', 'bad-c');
    first.settle();
    const memory = first.quarantine.memory();
    const again = new World(resources);
    again.remember(memory.culprits);
    again.quarantine.remember(memory);
    for (const key of keys) again.write(key, key === 'c' ? 'bad-c' : `${key}0`);
    again.settle();
    expect(again.refusals.size).toBe(0);
    expect(again.contentsOf('three')).toEqual(['b0', 'c0', 'd0', 'e0']);
    again.write('c', 'c3');
    again.settle();
    expect(again.blamed).toEqual([]);
  });

  it('blames all that is bad and nothing else, keeps what it was, sends nothing twice that was refused, and heals', () => {
    const kind = fc.constantFrom('good', 'bad', 'faulty');
    const change = fc.record({ key: fc.constantFrom(...keys), kind, content: fc.nat(5) });
    const bursts = fc.array(fc.array(change, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(bursts, (all) => {
        const world = open();
        const contents = new Map(keys.map((key) => [key, `${key}0`]));
        const lastGood = new Map(contents);
        const reasonOf = (key: string): string | undefined => {
          const [, found] = /^(bad|faulty)-/.exec(contents.get(key) ?? '') ?? [];
          return found && (found === 'bad' ? 'RefusedByEnvoy' : 'InvalidPath');
        };
        for (const burst of all) {
          for (const each of burst) {
            const content = `${each.kind === 'good' ? '' : `${each.kind}-`}${each.key}${each.content}`;
            contents.set(each.key, content);
            if (each.kind === 'faulty') world.writeFaulty(each.key, content);
            else world.write(each.key, content);
          }
          world.settle();
          const bad = keys.filter((key) => reasonOf(key) !== undefined);
          expect([...new Set(world.blamed)].toSorted()).toEqual(bad.map((key) => `${reasonOf(key)} ${key}`).toSorted());
          for (const key of keys) if (!bad.includes(key)) lastGood.set(key, contents.get(key) ?? '');
          for (const [name, made] of Object.entries(resources)) {
            const seen = world.contentsOf(name);
            expect(seen).toEqual(made.map((key) => lastGood.get(key)));
          }
        }
        for (const key of keys) world.write(key, `${key}-healed`);
        world.settle();
        expect(world.blamed).toEqual([]);
        expect(world.contentsOf('many')).toEqual(keys.map((key) => `${key}-healed`));
        expect(Math.max(0, ...world.refusals.values())).toBeLessThan(2);
      }),
      { numRuns: Number(process.env['SLUICE_QUARANTINE_RUNS'] ?? 200) },
    );
  });

  it('blames all that is bad and nothing else, whatever changes while it is looking', () => {
    const change = fc.record({
      key: fc.constantFrom(...keys),
      isBad: fc.boolean(),
      content: fc.nat(3),
      rounds: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 14 }), (all) => {
        const world = open();
        const contents = new Map(keys.map((key) => [key, `${key}0`]));
        for (const { key, isBad, content, rounds } of all) {
          contents.set(key, `${isBad ? 'bad-' : ''}${key}${content}`);
          world.write(key, contents.get(key) ?? '');
          for (let round = 0; round < rounds; round += 1) world.advance();
        }
        world.settle();
        const bad = keys.filter((key) => contents.get(key)?.startsWith('bad') === true);
        expect([...new Set(world.blamed)].toSorted()).toEqual(bad.map((key) => `RefusedByEnvoy ${key}`));
        for (const [name, made] of Object.entries(resources)) {
          const seen = world.contentsOf(name);
          expect(seen).toEqual(made.map((key, index) => (bad.includes(key) ? seen[index] : contents.get(key))));
        }
      }),
      { numRuns: Number(process.env['SLUICE_QUARANTINE_RUNS'] ?? 200) },
    );
  });
});
