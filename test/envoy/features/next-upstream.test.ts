import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { expect, it } from '@jest/globals';
import { endpointSlice, service } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { portOf } from '../../support/ports.ts';
import { scene } from './scene.ts';
import type { SceneRequest } from './scene.ts';

describeWithEnvoy('tries on other endpoints', () => {
  let tries = 0;
  const counted = (status: number) => ({
    handler: (_request: unknown, response: { writeHead: (code: number) => { end: (text: string) => void } }) => {
      tries += 1;
      response.writeHead(status).end('refused');
    },
  });
  const held = new Set<Socket>();
  const breakHeld = (): void => {
    for (const socket of held) socket.resetAndDestroy();
    held.clear();
  };
  const stage = scene({
    backends: {
      web: {},
      unavailable: counted(503),
      missing: counted(404),
      breaks: {
        handler: (request) => {
          tries += 1;
          request.socket.destroy();
        },
      },
      crashing: {
        handler: (request) => {
          tries += 1;
          held.add(request.socket);
          if (tries > 80) breakHeld();
          else setTimeout(breakHeld, 300);
        },
      },
      silent: {
        handler: () => {
          tries += 1;
        },
      },
    },
  });
  const to = (host: string, backend: string, annotations: Readonly<Record<string, string>>) => ({
    [host]: { hosts: { [`${host}.test`]: { '/': `${backend}:80` } }, annotations },
  });
  /** The status, and how often the backend was asked. */
  const triesOf = async (host: string, request: SceneRequest = {}) => {
    tries = 0;
    const { status } = await stage.ask(`${host}.test/`, request);
    return [status, tries];
  };
  const post: SceneRequest = { method: 'POST', body: 'x' };

  it('are made for the statuses that are named, and for methods that may be repeated', async () => {
    await stage.apply({
      ...to('default', 'unavailable', {}),
      ...to('status', 'unavailable', { 'proxy-next-upstream': 'error timeout http_503' }),
      ...to('other', 'missing', { 'proxy-next-upstream': 'http_503  HTTP_404', 'proxy-next-upstream-tries': '2' }),
      ...to('every', 'unavailable', { 'proxy-next-upstream': 'http_503 non_idempotent' }),
      ...to('off', 'unavailable', { 'proxy-next-upstream': 'off http_503' }),
    });
    expect(await triesOf('default')).toEqual([503, 1]);
    expect(await triesOf('status')).toEqual([503, 3]);
    for (const method of ['POST', 'PATCH', 'LOCK'])
      expect(await triesOf('status', { ...post, method })).toEqual([503, 1]);
    for (const method of ['PUT', 'DELETE', 'OPTIONS']) expect(await triesOf('status', { method })).toEqual([503, 3]);
    expect(await triesOf('other')).toEqual([404, 2]);
    expect(await triesOf('every', post)).toEqual([503, 3]);
    expect(await triesOf('off')).toEqual([503, 1]);
  });

  it('are as many as is said, with the first one', async () => {
    const words = { 'proxy-next-upstream': 'http_503' };
    await stage.apply({
      ...to('once', 'unavailable', { ...words, 'proxy-next-upstream-tries': '1' }),
      ...to('five', 'unavailable', { ...words, 'proxy-next-upstream-tries': '5', 'proxy-next-upstream-timeout': '3' }),
      ...to('endless', 'unavailable', { ...words, 'proxy-next-upstream-tries': '0' }),
      ...to('once-by-default', 'breaks', { 'proxy-next-upstream-tries': '1' }),
      ...to('five-by-default', 'breaks', { 'proxy-next-upstream-tries': '5' }),
    });
    expect(await triesOf('once')).toEqual([503, 1]);
    expect(await triesOf('five')).toEqual([503, 5]);
    expect(await triesOf('endless')).toEqual([503, 10]);
    expect((await triesOf('once-by-default'))[1]).toBe(1);
    expect((await triesOf('five-by-default'))[1]).toBe(5);
    expect((await triesOf('five-by-default', post))[1]).toBe(1);
  });

  it('are made when a connection breaks, without any annotation, for methods that may be repeated', async () => {
    await stage.apply({ ...to('plain', 'breaks', {}), ...to('never', 'breaks', { 'proxy-next-upstream': 'off' }) });
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])
      expect([method, ...(await triesOf('plain', { method }))]).toEqual([method, 502, 3]);
    expect(await triesOf('plain', { method: 'PUT', body: 'x' })).toEqual([502, 3]);
    for (const method of ['POST', 'PATCH', 'LOCK'])
      expect([method, ...(await triesOf('plain', { method }))]).toEqual([method, 502, 1]);
    expect(await triesOf('never')).toEqual([502, 1]);
  });

  it('are made for all that a pod had in hand when it broke', async () => {
    await stage.apply(
      to('crash', 'fleet', {}),
      service('fleet', { http: 80 }),
      endpointSlice('fleet-1', 'fleet', { http: stage.backend('crashing').port }, ['127.0.0.1']),
      endpointSlice('fleet-2', 'fleet', { http: stage.backend('web').port }, ['127.0.0.1']),
    );
    tries = 0;
    const answers = await Promise.all(Array.from({ length: 180 }, () => stage.ask('crash.test/')));
    expect(tries).toBeGreaterThan(50);
    expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([]);
  });

  it('are not what a client decides, and nothing of them is seen by a backend', async () => {
    await stage.apply({ ...to('plain', 'breaks', {}), ...to('seen', 'web', {}) });
    const wish = { headers: { 'x-envoy-retry-on': 'reset', 'x-envoy-max-retries': '9' } };
    expect(await triesOf('plain', { ...post, ...wish })).toEqual([502, 1]);
    expect(await triesOf('plain', wish)).toEqual([502, 3]);
    const { echo } = await stage.ask('seen.test/', wish);
    expect(Object.keys(echo?.headers ?? {}).filter((name) => name.includes('retr'))).toEqual([]);
  });

  it('are made when a connection breaks or nothing comes, where that is asked for', async () => {
    const patient = { 'proxy-read-timeout': '1', 'proxy-send-timeout': '1' };
    await stage.apply({
      ...to('broken', 'breaks', { 'proxy-next-upstream': 'error', 'proxy-next-upstream-tries': '2' }),
      ...to('all', 'breaks', { 'proxy-next-upstream': 'error non_idempotent', 'proxy-next-upstream-tries': '2' }),
      ...to('silent', 'silent', {
        ...patient,
        'proxy-next-upstream': 'error timeout',
        'proxy-next-upstream-tries': '2',
      }),
      ...to('waiting', 'silent', { ...patient, 'proxy-next-upstream': 'error', 'proxy-next-upstream-tries': '2' }),
    });
    expect((await triesOf('broken'))[1]).toBe(2);
    expect((await triesOf('broken', post))[1]).toBe(1);
    expect((await triesOf('all', post))[1]).toBe(2);
    expect(await triesOf('silent')).toEqual([504, 2]);
    expect(await triesOf('silent', post)).toEqual([504, 1]);
    expect(await triesOf('waiting')).toEqual([504, 1]);
  });

  it('find an endpoint that can be reached, for every method', async () => {
    const closed = createServer();
    await new Promise<void>((fulfil) => closed.listen(0, '127.0.0.1', fulfil));
    const port = portOf(closed);
    await new Promise<unknown>((fulfil) => closed.close(fulfil));
    await stage.apply(
      {
        ...to('reach', 'mixed', { 'proxy-next-upstream': 'error timeout http_503' }),
        ...to('status-only', 'mixed', { 'proxy-next-upstream': 'http_404' }),
      },
      service('mixed', { http: 80 }),
      endpointSlice('mixed-1', 'mixed', { http: port }, ['127.0.0.1']),
      endpointSlice('mixed-2', 'mixed', { http: stage.backend('web').port }, ['127.0.0.1']),
    );
    const statuses = async (host: string, request: SceneRequest) => {
      const found = new Set<number>();
      for (let index = 0; index < 8; index++) found.add((await stage.ask(`${host}.test/`, request)).status);
      return found.size;
    };
    expect(await statuses('reach', {})).toBe(1);
    expect(await statuses('reach', post)).toBe(1);
    expect(await statuses('status-only', post)).toBe(2);
  });

  it('lose what has a bad value', async () => {
    await stage.apply({
      ...to('bad', 'unavailable', {
        'proxy-next-upstream': 'http_503 sometimes',
        'proxy-next-upstream-tries': '-1',
        'proxy-next-upstream-timeout': '5s',
      }),
    });
    expect(await triesOf('bad')).toEqual([503, 1]);
    expect(stage.problems().toSorted()).toEqual([
      'bad proxy-next-upstream InvalidAnnotation',
      'bad proxy-next-upstream-timeout InvalidAnnotation',
      'bad proxy-next-upstream-tries InvalidAnnotation',
    ]);
  });
});
