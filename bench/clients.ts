/** The process that holds the simulated Envoys, apart from the server and the harness, told what to do over IPC. */
import { Catalogue } from './catalogue.ts';
import { now } from './clock.ts';
import { holds, type Received, types } from './discovery-response.ts';
import type { FleetAudit, FleetOrder, FromFleet, Sighting, StreamRange, ToFleet } from './fleet-protocol.ts';
import { SimulatedEnvoy } from './simulated-envoy.ts';

interface Expectation {
  readonly text: Buffer;
  readonly waiting: Set<SimulatedEnvoy>;
  /** When it reached the first, and as what. */
  first: { readonly at: number; readonly name: string; readonly version: string } | undefined;
}

const catalogue = new Catalogue();
const envoys: SimulatedEnvoy[] = [];
const expectations = new Map<string, Expectation>();
let protocol: FleetOrder['protocol'] = 'delta';
let completions: number[] = [];
let incomplete = 0;
let followed = '';
let messages = 0;
let bytes = 0;

function tell(message: FromFleet): void {
  process.send?.(message);
}

function failed(message: string): void {
  tell({ kind: 'failed', message });
}

function open(order: FleetOrder): void {
  ({ protocol } = order);
  for (let id = 0; id < order.streams; id += 1) {
    envoys.push(new SimulatedEnvoy(id, order, catalogue, { response: take, complete, failed }));
  }
  connect({ from: 0, to: order.streams }, false);
}

function connect({ from, to }: StreamRange, resume: boolean): void {
  completions = [];
  incomplete = resume ? 0 : to - from;
  for (const envoy of envoys.slice(from, to)) envoy.connect(resume);
}

function complete(): void {
  completions.push(now());
  if (completions.length === incomplete) {
    tell({ kind: 'complete', first: completions[0] ?? 0, last: completions.at(-1) ?? 0 });
  }
}

function take(envoy: SimulatedEnvoy, received: Received): void {
  messages += 1;
  bytes += received.message.length;
  for (const [marker, expectation] of expectations) {
    if (expectation.waiting.has(envoy)) meet(envoy, received, marker, expectation);
  }
  if (followed !== '' && received.typeUrl === types.assignment && envoy === envoys[0]) follow(received);
}

/** What brings the marker must be a resource in another version than the one held, and the same on all streams. */
function meet(envoy: SimulatedEnvoy, received: Received, marker: string, expectation: Expectation): void {
  if (!received.message.includes(expectation.text)) return;
  const at = now();
  const resource = received.resources.find((each) => holds(received, each, expectation.text));
  if (resource === undefined) return;
  const { name, version } = resource;
  const held = envoy.holding(received.typeUrl).get(catalogue.names(received.typeUrl).of(name));
  const what = `stream ${envoy.id} was sent ${name} with ${marker}`;
  if (held === catalogue.versions.of(version)) return failed(`${what} in version ${version}, which it had`);
  expectation.first ??= { at, name, version };
  const { first } = expectation;
  if (name !== first.name) return failed(`${what}, another was sent ${first.name}`);
  if (protocol === 'delta' && version !== first.version) {
    return failed(`${what} in version ${version}, another in ${first.version}`);
  }
  expectation.waiting.delete(envoy);
  if (expectation.waiting.size > 0) return;
  expectations.delete(marker);
  tell({ kind: 'arrived', marker, first: first.at, last: at, name, version });
}

function follow({ message, resources }: Received): void {
  const at = now();
  const seen: Sighting[] = [];
  for (const { name, from, to } of resources) {
    const found = message.subarray(from, to).indexOf(followed);
    if (found < 0) continue;
    const start = from + found + followed.length;
    const [, high, low] = /^(\d+)\.(\d+)/.exec(message.toString('latin1', start, start + 7)) ?? [];
    seen.push({ name, number: Number(high) * 256 + Number(low) });
  }
  if (seen.length > 0) tell({ kind: 'followed', at, seen });
}

function audit(): FleetAudit {
  const [first] = envoys;
  let resources = 0;
  const differing = new Set<SimulatedEnvoy>();
  for (const typeUrl of Object.values(types)) {
    const expected = first?.holding(typeUrl);
    if (expected === undefined) continue;
    resources += expected.count;
    for (const envoy of envoys) {
      const held = envoy.holding(typeUrl);
      if (!(protocol === 'delta' ? held.equals(expected) : held.count === expected.count)) differing.add(envoy);
    }
  }
  return { resources, differing: differing.size };
}

// Only the harness, which is written against the same type, has the other end of this channel.
process.on('message', (order: ToFleet) => {
  switch (order.kind) {
    case 'open':
      return open(order.order);
    case 'expect':
      expectations.set(order.marker, { text: Buffer.from(order.marker), waiting: new Set(envoys), first: undefined });
      return;
    case 'follow':
      followed = order.prefix;
      return;
    case 'drop':
      for (const envoy of envoys.slice(order.from, order.to)) envoy.drop();
      return tell({ kind: 'dropped' });
    case 'connect':
      return connect(order, order.resume);
    case 'audit':
      return tell({ kind: 'audited', audit: audit() });
    case 'count': {
      const { user, system } = process.cpuUsage();
      tell({ kind: 'counts', counts: { messages, bytes, cpuMs: (user + system) / 1_000 } });
    }
  }
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'ready' });
