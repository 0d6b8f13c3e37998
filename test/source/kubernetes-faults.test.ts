import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import type { ReflectorEvent } from '../../src/source/reflector.ts';
import type { ReflectorLimits } from '../../src/source/reflector-limits.ts';
import { FakeApiServer, ingressPath, type Interception, sendStatus } from './fake-api-server.ts';
import { rawIngress, rawIngressClass, rawService } from './raw-objects.ts';
import { Recorder } from './recorder.ts';
import { keepingLog } from './silent-log.ts';

jest.setTimeout(30_000);

/** The defaults, with shorter times. */
const hasty: Partial<ReflectorLimits> = {
  listIntervalMs: 50,
  backoffFirstMs: 10,
  backoffCapMs: 100,
  stableMs: 1_000,
  forbiddenMs: 50,
};

const shortWatch: ReflectorLimits['watch'] = {
  pinged: { watchMs: 200, graceMs: 100 },
  silent: { watchMs: 200, graceMs: 100 },
  perReflectorMs: 0,
};

/** Answers the first so many requests that match. */
function times(
  count: number,
  matches: (path: string, isWatch: boolean) => boolean,
  answer: Interception,
): Interception {
  let left = count;
  return (request, response) => {
    if (left === 0 || !matches(request.path, request.isWatch)) return false;
    left -= 1;
    return answer(request, response);
  };
}

const isIngressList = (path: string, isWatch: boolean): boolean => path === ingressPath && !isWatch;
const isIngressWatch = (path: string, isWatch: boolean): boolean => path === ingressPath && isWatch;

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Interception =>
  (_request, response) => {
    sendStatus(response, code, `this is ${code}`, headers);
    return true;
  };

const body =
  (text: string): Interception =>
  (_request, response) => {
    response.end(text);
    return true;
  };

const silence: Interception = () => true;

const cut: Interception = (_request, response) => {
  response.destroy();
  return true;
};

describe('kubernetesSource', () => {
  let server: FakeApiServer;
  let recorder: Recorder;
  let observed: ReflectorEvent[];
  let lines: readonly string[];

  const begin = (limits: Partial<ReflectorLimits> = {}, namespaces: readonly string[] = []): void => {
    const kept = keepingLog();
    observed = [];
    lines = kept.lines;
    recorder = new Recorder(
      kubernetesSource({
        kubeConfig: server.kubeConfig,
        namespaces,
        log: kept.log,
        observe: (event) => observed.push(event),
        limits: { ...hasty, ...limits },
      }),
    );
  };

  const has =
    (name: string): (() => boolean) =>
    () =>
      recorder.objects.has(`Ingress default/${name}`);

  beforeEach(async () => {
    server = await FakeApiServer.start();
  });

  afterEach(async () => {
    recorder.stop();
    await server.stop();
  });

  it.each([
    ['HTTP 500', status(500)],
    ['an empty answer', body('')],
    ['HTTP 429', status(429, { 'retry-after': '0' })],
    ['HTTP 401', status(401)],
    ['HTTP 403', status(403)],
    ['HTTP 410', status(410)],
    ['a page that is no JSON', body('<html>')],
    ['a page that is no list', body('{"kind":"Status"}')],
    ['a cut connection', cut],
  ])('survives %s on a list', async (_name, fault) => {
    server.put(rawIngress('web'));
    server.intercept = times(3, isIngressList, fault);
    begin();
    await recorder.synced();
    expect(recorder.names).toEqual(['Ingress default/web']);
    expect(server.requestsOf(ingressPath, false)).toHaveLength(4);
  });

  it.each([
    ['HTTP 500', status(500)],
    ['HTTP 429', status(429)],
    ['HTTP 410', status(410)],
    ['a cut connection', cut],
    ['an immediate end', body('')],
    ['an error 410 inside', body('{"type":"ERROR","object":{"kind":"Status","code":410}}\n')],
    ['an error 500 inside', body('{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}\n')],
    ['an error without a status inside', body('{"type":"ERROR"}\n')],
    ['a line that is no JSON', body('{"type":"ADDED","object":{"metad\n')],
    ['a line that is no object', body('null\n')],
    ['a truncated line', body('{"type":"ADDED"')],
    ['an unknown event type', body('{"type":"NEWS","object":{"metadata":{"name":"x","resourceVersion":"999"}}}\n')],
    ['an object without metadata', body('{"type":"ADDED","object":{}}\n')],
    ['an object without a name', body('{"type":"ADDED","object":{"metadata":{"resourceVersion":"999"}}}\n')],
    ['a version from the past', body('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n')],
  ])('survives %s on a watch, and then knows what a fresh list would show', async (_name, fault) => {
    server.put(rawIngress('old'));
    begin();
    await recorder.synced();
    await recorder.until('all are watched', () => server.openWatches === 5);

    server.intercept = times(4, isIngressWatch, fault);
    server.endWatches('cut');
    server.put(rawIngress('new'));
    server.remove(rawIngress('old'));
    await recorder.until('new came', has('new'));
    await recorder.until('old went', () => !has('old')());
    expect(recorder.syncs).toBe(1);
    expect(recorder.problems).toEqual([]);
    expect(server.requestsOf(ingressPath, true).length).toBeLessThanOrEqual(12);
  });

  it('counts and logs what it cannot read', async () => {
    begin();
    await recorder.synced();
    await recorder.until('all are watched', () => server.openWatches === 5);
    server.write(ingressPath, '{"type":"ADDED",\n');
    await recorder.until('listed again', () => server.requestsOf(ingressPath, false).length === 2);
    expect(observed.filter(({ kind }) => kind === 'unreadable')).toHaveLength(1);
    expect(lines).toContain(
      'warn: Kubernetes sent ingresses that cannot be read: an event has no resourceVersion: {"type":"ADDED",',
    );
  });

  it('reads characters that are split over chunks, several events in one chunk, and lines of many megabytes', async () => {
    begin();
    await recorder.synced();
    await recorder.until('all are watched', () => server.openWatches === 5);
    const long = rawIngress('long');
    const note = `grün-日本-😀${'x'.repeat(5_000_000)}`;
    const events = [
      rawIngress('a'),
      rawIngress('b'),
      { ...long, metadata: { ...long.metadata, annotations: { note } } },
    ];
    const bytes = Buffer.from(events.map((object) => server.line('ADDED', object)).join(''));
    const emoji = bytes.indexOf(Buffer.from('😀')) + 2;
    server.write(ingressPath, bytes.subarray(0, emoji));
    await recorder.until('the whole lines are read', has('b'));
    server.write(ingressPath, bytes.subarray(emoji));
    await recorder.until('the long line is read', has('long'));
    expect(recorder.objects.get('Ingress default/long')?.metadata.annotations['note']).toBe(note);
  });

  it('gives up a line that never ends, and lists anew', async () => {
    begin({ maxLineBytes: 10_000 });
    await recorder.synced();
    await recorder.until('all are watched', () => server.openWatches === 5);
    server.putUnseen(rawIngress('web'));
    server.write(ingressPath, 'x'.repeat(20_000));
    await recorder.until('listed again', has('web'));
    expect(lines).toContain('warn: Kubernetes sent ingresses that cannot be read: A line is longer than 10000 bytes');
  });

  it('notices a watch on which nothing comes any more', async () => {
    server.intercept = times(1, isIngressWatch, (_request, response) => {
      response.writeHead(200).flushHeaders();
      return true;
    });
    begin({ watch: shortWatch });
    await recorder.synced();
    server.put(rawIngress('web'));
    await recorder.until('web came', has('web'));
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual([
      'warn: Reading from Kubernetes fails: the connection has been silent for too long; what is known stays in use, retrying',
    ]);
  });

  it('notices a list that is never answered', async () => {
    server.put(rawIngress('web'));
    server.intercept = times(1, isIngressList, silence);
    begin({ listSilence: { firstMs: 100, capMs: 1_000 } });
    await recorder.synced();
    expect(recorder.names).toEqual(['Ingress default/web']);
  });

  it('keeps the old state while it lists anew, and then sends the difference as one event', async () => {
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) server.put(rawIngress(name));
    begin();
    await recorder.synced();
    await recorder.until('all are watched', () => server.openWatches === 5);
    const sent = recorder.events.length;

    server.removeUnseen(rawIngress('a'));
    server.putUnseen(rawIngress('b', 'changed.test'));
    server.putUnseen(rawIngress('e'));
    server.compact();
    server.endWatches('end');
    await recorder.until('e came', has('e'));
    const changes = recorder.events.slice(sent).map((event) => (event.kind === 'changes' ? event.changes : []));
    expect(
      changes.map((event) => event.map(({ name, object }) => `${name} ${object === undefined ? 'gone' : 'is'}`)),
    ).toEqual([['b is', 'e is', 'a gone']]);
  });

  it('lists in pages, and begins again when the pages expire half-way', async () => {
    for (let index = 0; index < 1_203; index += 1) server.put(rawIngress(`web-${index}`));
    let hasExpired = false;
    server.intercept = (request, response) => {
      if (hasExpired || request.query.get('continue') !== '1000') return false;
      hasExpired = true;
      return status(410)(request, response);
    };
    begin();
    await recorder.synced();
    expect(recorder.objects.size).toBe(1_203);
    expect(server.requestsOf(ingressPath, false).map(({ query }) => query.get('continue'))).toEqual([
      null,
      '500',
      '1000',
      null,
      '500',
      '1000',
    ]);
    expect(recorder.events.filter(({ kind }) => kind === 'changes')).toHaveLength(1);
  });

  it('asks for smaller pages when one is too large', async () => {
    for (let index = 0; index < 20; index += 1) server.put(rawIngress(`web-${index}`));
    begin({ maxPageBytes: 1_000 });
    await recorder.synced();
    expect(recorder.objects.size).toBe(20);
    const limits = server.requestsOf(ingressPath, false).map(({ query }) => Number(query.get('limit')));
    expect(limits.slice(0, 5)).toEqual([500, 125, 31, 7, 1]);
  });

  it('watches on from where it was when the server ends a watch, without a new list', async () => {
    begin({ stableMs: 0 });
    await recorder.synced();
    for (let round = 1; round <= 3; round += 1) {
      await recorder.until('all are watched', () => server.openWatches === 5);
      server.put(rawIngress(`web-${round}`));
      await recorder.until('it came', has(`web-${round}`));
      server.endWatches('end');
    }
    await recorder.until('all are watched', () => server.openWatches === 5);
    expect(server.requestsOf(ingressPath, false)).toHaveLength(1);
    expect(server.requestsOf(ingressPath, true)[3]?.query.get('resourceVersion')).toBe(String(server.version));
  });

  it.each(['cut', 'end'] as const)(
    'follows a server that was set back to a backup, when its watches %s',
    async (how) => {
      server.put(rawIngress('kept'));
      server.put(rawIngress('lost'));
      begin({ stableMs: 0 });
      await recorder.synced();
      await recorder.until('all are watched', () => server.openWatches === 5);
      server.restore(rawIngress('kept', 'as-it-was.test'));
      server.endWatches(how);
      await recorder.until('it went', () => !has('lost')());
      expect(JSON.stringify(recorder.objects.get('Ingress default/kept'))).toContain('as-it-was.test');
    },
  );

  it('asks for the whole list at once when its pages expire again and again', async () => {
    for (let index = 0; index < 600; index += 1) server.put(rawIngress(`web-${index}`));
    server.intercept = (request, response) => request.query.has('continue') && status(410)(request, response);
    begin();
    await recorder.synced();
    expect(recorder.objects.size).toBe(600);
    expect(server.requestsOf(ingressPath, false).map(({ query }) => query.get('limit'))).toEqual([
      '500',
      '500',
      '500',
      '500',
      null,
    ]);
  });

  it('is alive after a thousand errors', async () => {
    server.intercept = times(1_000, () => true, status(500));
    begin({ listIntervalMs: 1, listIntervalCapMs: 1, backoffFirstMs: 1, backoffCapMs: 1 });
    server.put(rawIngress('web'));
    await recorder.synced();
    expect(recorder.names).toEqual(['Ingress default/web']);
  });

  it('moves on with bookmarks', async () => {
    begin({ stableMs: 0 });
    await recorder.synced();
    await recorder.until('all are watched', () => server.openWatches === 5);
    server.write(ingressPath, '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"4711"}}}\n');
    // An event after the bookmark shows that the bookmark was read.
    server.write(
      ingressPath,
      `${JSON.stringify({ type: 'ADDED', object: { ...rawIngress('web'), metadata: { name: 'web', namespace: 'default', resourceVersion: '4711' } } })}\n`,
    );
    await recorder.until('web came', has('web'));
    server.endWatches('end');
    await recorder.until('watched again', () => server.requestsOf(ingressPath, true).length === 2);
    expect(server.requestsOf(ingressPath, true)[1]?.query.get('resourceVersion')).toBe('4711');
  });

  it('does not hammer a server whose every watch ends in 410', async () => {
    server.intercept = times(Infinity, isIngressWatch, body('{"type":"ERROR","object":{"code":410}}\n'));
    begin({ listIntervalMs: 300, backoffFirstMs: 1, backoffCapMs: 1 });
    await recorder.until('listed five times', () => server.requestsOf(ingressPath, false).length === 5);
    const lists = server.requestsOf(ingressPath, false);
    // Four intervals of 300 ms, less what the first request may have been late.
    expect((lists.at(-1)?.at ?? 0) - (lists[0]?.at ?? 0)).toBeGreaterThan(1_100);
    expect(recorder.changes).toEqual([]);
  });

  it('backs off from a server whose every watch ends at once', async () => {
    server.intercept = times(Infinity, isIngressWatch, body(''));
    begin({ backoffFirstMs: 100, backoffCapMs: 10_000, listIntervalMs: 1_000 });
    await recorder.synced();
    const isFull = (): boolean => server.requestsOf(ingressPath, true).length === 5;
    await recorder.until('watched five times', isFull, 10_000);
    const [first, ...rest] = server.requestsOf(ingressPath, true);
    expect((rest.at(-1)?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(50);
  });

  it('waits as long as Retry-After says', async () => {
    server.intercept = times(1, isIngressList, status(429, { 'retry-after': '1' }));
    begin();
    await recorder.synced();
    const [first, second] = server.requestsOf(ingressPath, false);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('is not synced before every kind is listed, and says which RBAC rule is missing', async () => {
    server.put(rawService('web'));
    let isForbidden = true;
    server.intercept = (request, response) =>
      isForbidden && isIngressList(request.path, request.isWatch) && status(403)(request, response);
    begin();
    await recorder.until('it was tried often', () => server.requestsOf(ingressPath, false).length > 5);
    expect(recorder.names).toEqual(['Service default/web']);
    expect(recorder.syncs).toBe(0);
    expect(lines).toEqual([
      'warn: Kubernetes does not allow us to list ingresses: grant the verbs list and watch on ingresses of the ' +
        'API group "networking.k8s.io" (HTTP 403: this is 403); what is known stays in use, retrying',
    ]);
    isForbidden = false;
    await recorder.synced();
    await recorder.until('it is over', () => lines.length === 2);
    expect(lines[1]).toMatch(/^info: Over: Kubernetes does not allow us to list ingresses/);
  });

  it('says once that the server cannot be reached, and finds it when it is there', async () => {
    const { port } = server;
    const connection = server.kubeConfig;
    await server.stop();
    const kept = keepingLog();
    let failures = 0;
    const observe = (event: ReflectorEvent): void => {
      if (event.kind === 'failed') failures += 1;
    };
    recorder = new Recorder(
      kubernetesSource({ kubeConfig: connection, namespaces: [], log: kept.log, limits: hasty, observe }),
    );
    await recorder.until('it was tried often', () => failures > 20);
    expect(recorder.events).toEqual([]);
    expect(kept.lines).toEqual([
      expect.stringMatching(/^warn: Reading from Kubernetes fails: cannot reach .* at http:.*ECONNREFUSED/),
    ]);

    server = await FakeApiServer.start(port);
    server.put(rawIngress('web'));
    await recorder.synced();
    expect(recorder.names).toEqual(['Ingress default/web']);
    await recorder.until('it is said to be over', () => server.openWatches === 5 && kept.lines.length > 1);
    expect(kept.lines.slice(1)).toEqual([expect.stringMatching(/^info: Over: /)]);
  });

  it('reads only the given namespaces, and IngressClasses in any case', async () => {
    server.put(rawIngressClass('sluice'));
    begin({}, ['blue', 'green', 'blue']);
    await recorder.until('some are listed', () => server.requests.length >= 9);
    const paths = new Set(server.requests.map(({ path }) => path));
    expect([...paths].filter((path) => /ingress/.test(path)).toSorted()).toEqual([
      '/apis/networking.k8s.io/v1/ingressclasses',
      '/apis/networking.k8s.io/v1/namespaces/blue/ingresses',
      '/apis/networking.k8s.io/v1/namespaces/green/ingresses',
    ]);
  });

  it('asks only for certificates among the Secrets, for bookmarks, and with its credentials', async () => {
    begin();
    await recorder.synced();
    await recorder.until('all are watched', () => server.openWatches === 5);
    const secrets = server.requests.filter(({ path }) => path === '/api/v1/secrets');
    expect(secrets.map(({ query }) => query.get('fieldSelector'))).toEqual([
      'type=kubernetes.io/tls',
      'type=kubernetes.io/tls',
    ]);
    const [watch] = server.requestsOf(ingressPath, true);
    expect(watch?.query.get('allowWatchBookmarks')).toBe('true');
    const seconds = Number(watch?.query.get('timeoutSeconds'));
    // Over HTTP/1.1 only a watch that ends soon shows that the connection is alive.
    expect(seconds).toBe(3);
    expect(new Set(server.requests.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer secret']));
  });

  it('leaves out a listed object without a name, and says so', async () => {
    server.put(rawIngress('web'));
    server.put({ ...rawIngress('x'), metadata: { name: '' } });
    begin();
    await recorder.synced();
    expect(recorder.names).toEqual(['Ingress default/web']);
    expect(lines).toContain('warn: Kubernetes sent ingresses that cannot be read: a listed object has no name');
  });
});
