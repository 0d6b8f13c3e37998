import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('timeouts of backends', () => {
  const stage = scene({
    backends: {
      silent: { handler: () => undefined },
      slow: {
        // Takes three seconds in all, and is never silent for one.
        handler: (_request, response) => {
          response.writeHead(200);
          let left = 6;
          const timer = setInterval(() => {
            left -= 1;
            if (left > 0) response.write('.');
            else {
              clearInterval(timer);
              response.end();
            }
          }, 500);
        },
      },
    },
  });

  it('end a request that the backend does not answer, with 504', async () => {
    await stage.apply({
      read: { hosts: { 'read.test': { '/': 'silent:80' } }, annotations: { 'proxy-read-timeout': '1' } },
      both: {
        hosts: { 'both.test': { '/': 'silent:80' } },
        annotations: { 'proxy-read-timeout': '1', 'proxy-send-timeout': '1', 'proxy-connect-timeout': '2' },
      },
    });
    expect(await stage.outcome('read.test/')).toBe('504');
    expect(await stage.outcome('both.test/', { method: 'POST', body: 'x' })).toBe('504');
  });

  it('count the silence, and not the whole answer', async () => {
    await stage.apply({
      slow: {
        hosts: { 'slow.test': { '/': 'slow:80' } },
        annotations: { 'proxy-read-timeout': '2', 'proxy-send-timeout': '2' },
      },
    });
    const { status, body } = await stage.ask('slow.test/');
    expect([status, body]).toEqual([200, '.....']);
  });

  it('give clusters of their own, which equal policies share', async () => {
    const annotations = { 'proxy-connect-timeout': '7' };
    await stage.apply({
      one: { hosts: { 'one.test': { '/': 'slow:80' } }, annotations },
      two: { hosts: { 'two.test': { '/': 'slow:80' } }, annotations },
      bad: { hosts: { 'bad.test': { '/': 'slow:80' } }, annotations: { 'proxy-connect-timeout': '7s' } },
    });
    const clusters = (await stage.envoy.admin('/clusters')).match(
      /^default\/slow\/80~[0-9a-f]+(?=::default_priority::max_connections)/gm,
    );
    expect(new Set(clusters).size).toBe(1);
    expect(stage.problems()).toEqual(['bad proxy-connect-timeout InvalidAnnotation']);
  });
});
