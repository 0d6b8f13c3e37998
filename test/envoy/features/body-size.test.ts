import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { openWebSocket } from '../../support/web-socket.ts';
import { scene } from './scene.ts';
import type { Scene } from './scene.ts';

const mebibyte = 1_048_576;

/** The status of a request that says how long it is; nothing of it need be sent, because nobody who refuses waits for it. */
async function declared(stage: Scene, url: string, length: number | string): Promise<number> {
  return (await stage.ask(url, { method: 'POST', headers: { 'content-length': String(length) } })).status;
}

async function sent(stage: Scene, url: string, length: number): Promise<number> {
  return (await stage.ask(url, { method: 'POST', body: 'x'.repeat(length) })).status;
}

/** In chunks, so that its length is known at its end. */
async function chunked(stage: Scene, url: string, length: number, headers = {}): Promise<number> {
  const { status } = await stage.ask(url, {
    method: 'POST',
    headers: { ...headers, 'transfer-encoding': 'chunked' },
    body: 'x'.repeat(length),
  });
  return status;
}

describeWithEnvoy('the limit of bodies', () => {
  const stage = scene({ tlsNames: ['tls.test'] });
  const host = (name: string) => ({ [`${name}.test`]: { '/': 'web:80' } });

  it('is 1m without an annotation, to the byte, also where nothing matches', async () => {
    await stage.apply({ plain: { hosts: { 'plain.test': { '/x': 'web:80' } } } });
    expect(await sent(stage, 'plain.test/x', mebibyte)).toBe(200);
    expect(await declared(stage, 'plain.test/x', mebibyte + 1)).toBe(413);
    expect(await declared(stage, 'plain.test/x', '9223372036854775808')).toBe(413);
    expect(await declared(stage, 'plain.test/other', mebibyte + 1)).toBe(413);
    expect(await chunked(stage, 'plain.test/x', mebibyte)).toBe(200);
    expect(await chunked(stage, 'plain.test/x', mebibyte + 1)).toBe(413);
  });

  it('is that of the annotation, in bytes, kibibytes, mebibytes and gibibytes', async () => {
    const annotated = (limit: string) => ({ 'proxy-body-size': limit });
    await stage.apply({
      bytes: { hosts: host('bytes'), annotations: annotated('100') },
      kilo: { hosts: host('kilo'), annotations: annotated('2K') },
      mega: { hosts: host('mega'), annotations: annotated('8m') },
      giga: { hosts: host('giga'), annotations: annotated('1g') },
      none: { hosts: host('none'), annotations: annotated('0') },
    });
    expect([await sent(stage, 'bytes.test', 100), await sent(stage, 'bytes.test', 101)]).toEqual([200, 413]);
    expect([await chunked(stage, 'bytes.test', 100), await chunked(stage, 'bytes.test', 101)]).toEqual([200, 413]);
    expect([await sent(stage, 'kilo.test', 2048), await sent(stage, 'kilo.test', 2049)]).toEqual([200, 413]);
    expect([
      await sent(stage, 'mega.test', 2 * mebibyte),
      await declared(stage, 'mega.test', 8 * mebibyte + 1),
    ]).toEqual([200, 413]);
    expect(await chunked(stage, 'mega.test', 2 * mebibyte)).toBe(200);
    expect(await declared(stage, 'giga.test', 1024 * mebibyte + 1)).toBe(413);
    expect([await sent(stage, 'none.test', 2 * mebibyte), await chunked(stage, 'none.test', 2 * mebibyte)]).toEqual([
      200, 200,
    ]);
  });

  it('is looked at before redirects and address lists', async () => {
    const limit = { 'proxy-body-size': '10' };
    await stage.apply({
      away: { hosts: host('away'), annotations: { ...limit, 'permanent-redirect': 'https://x.test/' } },
      tls: { hosts: host('tls'), tls: [{ hosts: ['tls.test'], secretName: 'tls' }], annotations: limit },
      denied: { hosts: host('denied'), annotations: { ...limit, 'denylist-source-range': '127.0.0.1' } },
    });
    expect([await sent(stage, 'away.test', 11), await sent(stage, 'away.test', 10)]).toEqual([413, 301]);
    expect([await sent(stage, 'tls.test', 11), await sent(stage, 'tls.test', 10)]).toEqual([413, 308]);
    expect([await sent(stage, 'denied.test', 11), await sent(stage, 'denied.test', 10)]).toEqual([413, 403]);
  });

  it('is 1m where the value cannot be read, and is told', async () => {
    const values = ['1b', '-1', '1.5m', '8 m', 'large', '99999999g', '%REQ(x)%'];
    await stage.apply(
      Object.fromEntries(
        values.map((value, index) => [
          `bad${index}`,
          { hosts: host(`bad${index}`), annotations: { 'proxy-body-size': value } },
        ]),
      ),
    );
    for (const index of values.keys()) {
      expect(await declared(stage, `bad${index}.test`, mebibyte + 1)).toBe(413);
      expect(await sent(stage, `bad${index}.test`, 200)).toBe(200);
    }
    expect(stage.problems().filter((each) => each.endsWith('proxy-body-size InvalidAnnotation')).length).toBe(
      values.length,
    );
  });

  it('leaves streams alone that wait for each other', async () => {
    await stage.apply({ tls: { hosts: host('tls'), tls: [{ hosts: ['tls.test'], secretName: 'tls' }] } });
    const socket = await openWebSocket(await stage.envoy.listenerPort('https'), 'tls.test');
    await socket.echo('hello');
    socket.close();
    const headers = { 'content-type': 'application/grpc' };
    await stage.apply({ grpc: { hosts: host('grpc'), annotations: { 'proxy-body-size': '10' } } });
    expect(await chunked(stage, 'grpc.test', 11, headers)).toBe(200);
    expect(await chunked(stage, 'grpc.test', 11)).toBe(413);
  });

  it('does not count what streams when nothing is to be held back', async () => {
    const off = { 'proxy-request-buffering': 'off' };
    await stage.apply({
      off: { hosts: host('off'), annotations: off },
      small: { hosts: host('small'), annotations: { ...off, 'proxy-body-size': '10' } },
    });
    expect(await chunked(stage, 'off.test', mebibyte + 1)).toBe(200);
    expect([await chunked(stage, 'small.test', 11), await sent(stage, 'small.test', 11)]).toEqual([200, 413]);
  });
});

describeWithEnvoy('the limit of bodies in the ConfigMap', () => {
  const stage = scene({ configMap: { 'proxy-body-size': '100' } });

  it('is for those without an annotation', async () => {
    await stage.apply({
      plain: { hosts: { 'plain.test': { '/': 'web:80' } } },
      own: { hosts: { 'own.test': { '/': 'web:80' } }, annotations: { 'proxy-body-size': '1m' } },
      other: { hosts: { 'other.test': { '/': 'web:80' } }, annotations: { 'limit-rps': '100' } },
    });
    expect([await sent(stage, 'plain.test', 100), await sent(stage, 'plain.test', 101)]).toEqual([200, 413]);
    expect([await sent(stage, 'own.test', 101), await declared(stage, 'own.test', mebibyte + 1)]).toEqual([200, 413]);
    expect([await sent(stage, 'other.test', 101), await chunked(stage, 'other.test', 101)]).toEqual([413, 413]);
  });
});
