import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import type { ReflectorLimits } from '../../src/source/reflector-limits.ts';
import { FakeApiServer, ingressPath, type Interception, sendStatus } from './fake-api-server.ts';
import { rawIngress } from './raw-objects.ts';
import { Recorder } from './recorder.ts';
import { silentLog } from './silent-log.ts';

jest.setTimeout(120_000);

const hasty: Partial<ReflectorLimits> = {
  listIntervalMs: 2,
  listIntervalCapMs: 5,
  backoffFirstMs: 1,
  backoffCapMs: 5,
  stableMs: 50,
  forbiddenMs: 5,
  listSilence: { firstMs: 30, capMs: 60 },
  watch: { pinged: { watchMs: 60, graceMs: 30 }, silent: { watchMs: 60, graceMs: 30 }, perReflectorMs: 0 },
};

/** How a request of the kind that is watched here is answered, wrongly. */
const answers: readonly Interception[] = [
  (_request, response) => send(response, 500),
  (_request, response) => send(response, 410),
  (_request, response) => send(response, 429),
  (_request, response) => send(response, 401),
  (_request, response) => send(response, 403),
  (_request, response) => body(response, ''),
  (_request, response) => body(response, '<html>'),
  (_request, response) => body(response, '{"metadata":{"resourceVersion":"1"},"items":[]'),
  (_request, response) => body(response, '{"type":"ADDED","object":{"metadata":{"resour'),
  (_request, response) => body(response, '{"type":"ERROR","object":{"code":410}}\n'),
  (_request, response) => body(response, '{"type":"ERROR","object":{"code":500}}\n'),
  (_request, response) => body(response, '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}\n'),
  // Half-open: accepted, and then nothing.
  () => true,
  (_request, response) => {
    response.writeHead(200).flushHeaders();
    return true;
  },
  (_request, response) => {
    response.destroy();
    return true;
  },
];

function send(response: Parameters<Interception>[1], code: number): boolean {
  sendStatus(response, code, 'injected');
  return true;
}

function body(response: Parameters<Interception>[1], text: string): boolean {
  response.end(text);
  return true;
}

type Step =
  | { readonly kind: 'put' | 'putUnseen' | 'remove' | 'removeUnseen'; readonly name: string; readonly host: string }
  | { readonly kind: 'answer'; readonly answer: number; readonly times: number }
  | { readonly kind: 'end' | 'cut' | 'compact' | 'garbage' | 'duplicate' | 'wait' };

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const host = fc.constantFrom('one.test', 'two.test');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('put', 'remove'), name, host }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('putUnseen', 'removeUnseen'), name, host }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('answer'),
      answer: fc.nat({ max: answers.length - 1 }),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('end', 'cut', 'compact', 'garbage', 'duplicate', 'wait') }),
  },
);

const stays = rawIngress('stays');

/** What has never been deleted; it must never be taken for gone. */
class Run {
  readonly #server: FakeApiServer;
  readonly expected = new Map<string, string>([['stays', 'stays.test']]);
  #faults: { readonly answer: Interception; left: number }[] = [];

  constructor(server: FakeApiServer) {
    this.#server = server;
    server.put(stays);
    server.intercept = (request, response) => {
      const [fault] = this.#faults;
      if (fault === undefined || request.path !== ingressPath) return false;
      fault.left -= 1;
      if (fault.left === 0) this.#faults.shift();
      return fault.answer(request, response);
    };
  }

  async do(action: Step): Promise<void> {
    switch (action.kind) {
      case 'put':
      case 'putUnseen':
        this.#server[action.kind](rawIngress(action.name, action.host));
        this.expected.set(action.name, action.host);
        break;
      case 'remove':
      case 'removeUnseen':
        if (this.expected.delete(action.name)) this.#server[action.kind](rawIngress(action.name));
        break;
      case 'answer':
        this.#faults.push({ answer: answers[action.answer] ?? (() => false), left: action.times });
        break;
      case 'end':
      case 'cut':
        this.#server.endWatches(action.kind);
        break;
      case 'compact':
        this.#server.compact();
        break;
      case 'garbage':
        this.#server.write(ingressPath, 'this is no event\n');
        break;
      case 'duplicate':
        this.#server.write(ingressPath, this.#server.line('ADDED', stays));
        break;
      case 'wait':
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        break;
    }
  }

  /** Takes the faults away; what no watch was told is found by a list, which garbage makes necessary. */
  heal(): void {
    this.#faults = [];
    this.#server.compact();
    this.#server.endWatches('cut');
  }
}

describe('kubernetesSource', () => {
  it('knows what a fresh list shows after any sequence of faults, and never takes for gone what is there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const server = await FakeApiServer.start();
        const run = new Run(server);
        const { kubeConfig } = server;
        const recorder = new Recorder(kubernetesSource({ kubeConfig, namespaces: [], log: silentLog, limits: hasty }));
        try {
          for (const action of steps) {
            // oxlint-disable-next-line no-await-in-loop -- one step after another
            await run.do(action);
          }
          run.heal();
          const wanted = [...run.expected].map(([key, value]) => `${key} ${value}`).toSorted();
          await recorder.synced();
          await recorder.until('all is as it should be', () => known(recorder).join() === wanted.join());
          expect(recorder.changes.filter((change) => change.name === 'stays')).toHaveLength(1);
          expect(recorder.syncs).toBe(1);
        } finally {
          recorder.stop();
          await server.stop();
        }
      }),
      { numRuns: 40 },
    );
  });
});

function known(recorder: Recorder): readonly string[] {
  return [...recorder.objects.values()]
    .flatMap((object) => (object.kind === 'Ingress' ? [`${object.metadata.name} ${object.spec.rules[0]?.host}`] : []))
    .toSorted();
}
