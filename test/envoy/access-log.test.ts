/** What stands in the access log: one line of JSON for each request, whatever clients write into what is logged. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { rawExchange, statusOf } from '../support/raw-http.ts';
import { translationOptions } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { scene } from './features/scene.ts';

const { SLUICE_LOG_LINES: wanted = '10000' } = process.env;

const pieces = [
  '"',
  '\\',
  '\\"',
  '","status":"200","x":"',
  '{',
  '}',

  '\t',
  '\u0080',
  'ÿ',
  '\\u0000',
  '%REQ(x)%',
  '%0a',
  '</script>',
  "'",
  '\\n{"a":1}',
  ' ',
  'a',
  '\u00c3\u00a4',
  '\u00c3',
  '[',
  ':',
  ',',
];

/** The same texts each time. */
function text(seed: number): string {
  let state = seed + 1;
  return Array.from({ length: 1 + (seed % 9) }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return pieces[state % pieces.length] ?? '';
  }).join('');
}

describeWithEnvoy('the access log', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-log-'));
  const file = join(folder, 'access.log');
  const s = scene({
    envoyFlags: ['--file-flush-interval-msec', '100'],
    translation: { listen: { ...translationOptions.listen, accessLog: file } },
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has a line of JSON for each of many requests that try to write one of their own', async () => {
    await s.apply({ web: { hosts: { 'web.test': { '/': 'web:80' } } } });
    const port = await s.envoy.listenerPort('http');
    const count = Number(wanted);
    const perConnection = 100;
    let answered = 0;
    for (let start = 0; start < count; start += perConnection) {
      const requests = Array.from({ length: perConnection }, (_, index) => {
        const value = text(start + index);
        return `GET /n${start + index} HTTP/1.1\r\nHost: web.test\r\nUser-Agent: ${value}\r\nReferer: ${value}\r\nX-Request-ID: ${value}\r\n\r\n`;
      });
      // oxlint-disable-next-line no-await-in-loop -- one connection after the other
      const answer = await rawExchange({
        port,
        bytes: Buffer.from(requests.join(''), 'latin1'),
        until: (all) => all.split('HTTP/1.1 ').length > perConnection && /(?:\}|\r\n0\r\n\r\n)$/.test(all.slice(-9)),
        within: 3_000,
      });
      answered += answer.match(/HTTP\/1\.1 200/g)?.length ?? 0;
    }
    expect(answered).toBe(count);
    await eventually(() => {
      expect(readFileSync(file, 'latin1').match(/"path":"\/n/g)?.length ?? 0).toBeGreaterThanOrEqual(answered);
    });
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const keys = new Set<string>();
    for (const line of lines) {
      const entry: Readonly<Record<string, unknown>> = JSON.parse(line);
      keys.add(Object.keys(entry).toSorted().join());
      expect(typeof entry['status']).toBe('number');
    }
    expect(keys.size).toBe(1);
  }, 120_000);

  it('says what was asked, as it was asked', async () => {
    const userAgent = 'x","status":200,"y":"\\';
    await s.ask('web.test/a%20b?c="d"', { headers: { 'user-agent': userAgent } });
    const entry = await eventually(() => {
      const line = readFileSync(file, 'utf8')
        .split('\n')
        .find((each) => each.includes('a%20b'));
      if (line === undefined) throw new Error('not yet');
      const parsed: Readonly<Record<string, unknown>> = JSON.parse(line);
      return parsed;
    });
    expect(entry).toMatchObject({
      user_agent: userAgent,
      path: '/a%20b?c="d"',
      status: 200,
      method: 'GET',
      host: 'web.test',
      listener: 'http',
      backend: 'default/web/80',
    });
  });

  it('is not reached by a host or a method with a line break', async () => {
    const port = await s.envoy.listenerPort('http');
    const before = readFileSync(file, 'utf8').split('\n').length;
    expect(
      statusOf(await rawExchange({ port, bytes: 'GET / HTTP/1.1\r\nHost: a\n{"b":1}\r\n\r\n' })),
    ).toBeGreaterThanOrEqual(400);
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    await new Promise<void>((fulfil) => {
      const request = session.request({ ':path': '/', ':authority': 'a"b\\c' });
      request.on('close', () => fulfil());
      request.on('error', () => undefined);
      request.end();
    });
    session.close();
    await eventually(() => expect(readFileSync(file, 'utf8').split('\n').length).toBeGreaterThan(before));
    for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
  });
});
