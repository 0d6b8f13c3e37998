/** The process that holds the simulated Envoys, apart from the server and the harness, told what to do over IPC. */
import { now } from './clock.ts';
import type { FleetOrder, FromFleet, ToFleet } from './fleet-protocol.ts';
import { SimulatedEnvoy } from './simulated-envoy.ts';

interface Expectation {
  readonly text: Buffer;
  readonly waiting: Set<SimulatedEnvoy>;
  first: number | undefined;
}

const envoys: SimulatedEnvoy[] = [];
const expectations = new Map<string, Expectation>();
const completions: number[] = [];
let followed = '';
let messages = 0;
let bytes = 0;

function tell(message: FromFleet): void {
  process.send?.(message);
}

function open(order: FleetOrder): void {
  for (let id = 0; id < order.streams; id += 1) {
    envoys.push(
      new SimulatedEnvoy(id, order, {
        response: take,
        complete,
        failed: (message) => tell({ kind: 'failed', message }),
      }),
    );
  }
}

function complete(): void {
  completions.push(now());
  if (completions.length === envoys.length) {
    tell({ kind: 'complete', first: completions[0] ?? 0, last: completions.at(-1) ?? 0 });
  }
}

function take(envoy: SimulatedEnvoy, message: Buffer, isAssignment: boolean): void {
  messages += 1;
  bytes += message.length;
  for (const [marker, expectation] of expectations) {
    if (!expectation.waiting.has(envoy) || !message.includes(expectation.text)) continue;
    const at = now();
    expectation.first ??= at;
    expectation.waiting.delete(envoy);
    if (expectation.waiting.size > 0) continue;
    expectations.delete(marker);
    tell({ kind: 'arrived', marker, first: expectation.first, last: at });
  }
  if (isAssignment && followed !== '' && envoy === envoys[0]) follow(message);
}

function follow(message: Buffer): void {
  const at = now();
  const numbers: number[] = [];
  for (let found = message.indexOf(followed); found >= 0; found = message.indexOf(followed, found + 1)) {
    const [, high, low] =
      /^(\d+)\.(\d+)/.exec(message.toString('latin1', found + followed.length, found + followed.length + 8)) ?? [];
    numbers.push(Number(high) * 256 + Number(low));
  }
  if (numbers.length > 0) tell({ kind: 'followed', at, numbers });
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
    case 'count': {
      const { user, system } = process.cpuUsage();
      tell({ kind: 'counts', counts: { messages, bytes, cpuMs: (user + system) / 1_000 } });
    }
  }
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'ready' });
