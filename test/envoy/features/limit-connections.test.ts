import { request } from 'node:http';
import type { ServerResponse } from 'node:http';
import { expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('the limit of requests at the same time', () => {
  const waiting: ServerResponse[] = [];
  const stage = scene({
    configMap: { 'limit-conn-status-code': '429' },
    backends: { web: {}, slow: { handler: (_request, response) => void waiting.push(response) } },
  });
  const host = (name: string) => ({ [`${name}.test`]: { '/': 'web:80', '/slow': 'slow:80' } });
  const isWaiting = (count: number) =>
    eventually(() => {
      if (waiting.length !== count) throw new Error(`${waiting.length} are waiting, not ${count}`);
    });
  const finish = (): void => {
    for (const response of waiting.splice(0)) response.end('done');
  };

  it('refuses what is more, for all paths of the Ingress and no other, until one is done', async () => {
    await stage.apply({
      two: { hosts: { ...host('two'), 'also.test': { '/': 'web:80' } }, annotations: { 'limit-connections': '2' } },
      other: { hosts: host('other'), annotations: { 'limit-connections': '1' } },
      exempt: { hosts: host('exempt'), annotations: { 'limit-connections': '2', 'limit-allowlist': '127.0.0.1' } },
    });
    const open = [stage.ask('two.test/slow'), stage.ask('two.test/slow')];
    await isWaiting(2);
    expect([await stage.outcome('two.test/'), await stage.outcome('also.test/')]).toEqual(['429', '429']);
    expect([await stage.outcome('other.test/'), await stage.outcome('exempt.test/')]).toEqual(['web /', 'web /']);
    finish();
    expect((await Promise.all(open)).map(({ status }) => status)).toEqual([200, 200]);
    for (let sent = 0; sent < 5; sent += 1) expect(await stage.outcome('two.test/')).toBe('web /');
    const free = [1, 2, 3].map(() => stage.ask('exempt.test/slow'));
    await isWaiting(3);
    finish();
    await Promise.all(free);
  });

  it('counts no request whose client has gone away, and goes on counting across changes', async () => {
    await stage.apply({ one: { hosts: host('one'), annotations: { 'limit-connections': '1' } } });
    const port = await stage.envoy.listenerPort('http');
    const leaving = request({ port, host: '127.0.0.1', path: '/slow', headers: { host: 'one.test' }, agent: false });
    leaving.on('error', () => undefined).end();
    await isWaiting(1);
    await stage.apply({
      one: { hosts: host('one'), annotations: { 'limit-connections': '1', 'enable-cors': 'true' } },
      more: { hosts: host('more') },
    });
    expect(await stage.outcome('one.test/')).toBe('429');
    leaving.destroy();
    await eventually(async () => {
      expect(await stage.outcome('one.test/')).toBe('web /');
    });
    waiting.length = 0;
  });

  it('closes the paths when it cannot be read, and is off when it is 0', async () => {
    await stage.apply({
      bad: { hosts: host('bad'), annotations: { 'limit-connections': '"]] os.exit() --' } },
      off: { hosts: host('off'), annotations: { 'limit-connections': '0' } },
    });
    expect([await stage.outcome('bad.test/'), await stage.outcome('off.test/')]).toEqual(['503', 'web /']);
    expect(stage.problems()).toEqual(['bad limit-connections InvalidProtection']);
  });
});
