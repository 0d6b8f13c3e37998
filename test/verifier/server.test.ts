import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { startVerifier } from '../../src/verifier/server.ts';
import type { Verifier } from '../../src/verifier/server.ts';
import { httpRequest } from '../support/http-request.ts';

describe('the verifier', () => {
  let verifier: Verifier;
  beforeAll(async () => {
    verifier = await startVerifier({ host: '127.0.0.1', port: 0 });
  });
  afterAll(() => verifier.stop());

  const post = async (body: string, path = '/password') =>
    (await httpRequest({ port: verifier.port, method: 'POST', path, body })).status;

  it('says whether a password fits a hash, as often as it is asked', async () => {
    const hash = hashSync('one\ntwo', 4);
    const ask = (password: string) => post(`${hash}\n${password}`);
    expect([await ask('one\ntwo'), await ask('one\ntwo'), await ask('one'), await ask('')]).toEqual([
      204, 204, 403, 403,
    ]);
    expect(await Promise.all(Array.from({ length: 20 }, () => ask('one\ntwo')))).toEqual(
      Array.from({ length: 20 }, () => 204),
    );
  });

  it('refuses what is no question', async () => {
    expect(await post('{SHA}no line break')).toBe(400);
    expect(await post('unknown\nx')).toBe(400);
    expect(await post(`{PLAIN}x\n${'x'.repeat(5000)}`)).toBe(413);
    expect(await post('{PLAIN}x\nx', '/other')).toBe(404);
    expect((await httpRequest({ port: verifier.port, path: '/healthz' })).status).toBe(200);
  });

  it('refuses more than it can do at once, and then goes on', async () => {
    const narrow = await startVerifier({ host: '127.0.0.1', port: 0 }, 2);
    const hash = hashSync('x', 11);
    const ask = async (password: string) =>
      (await httpRequest({ port: narrow.port, method: 'POST', path: '/password', body: `${hash}\n${password}` }))
        .status;
    const all = await Promise.all(Array.from({ length: 8 }, (_, index) => ask(String(index))));
    expect(new Set(all)).toEqual(new Set([403, 503]));
    expect(await ask('x')).toBe(204);
    await narrow.stop();
  });

  it('listens on a socket, also where one that was killed has left its own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
    const socketPath = join(folder, 'verify.sock');
    const first = await startVerifier({ socketPath });
    const second = await startVerifier({ socketPath });
    const status = await new Promise((fulfil, reject) => {
      const asked = request({ socketPath, path: '/healthz' }, (response) => fulfil(response.resume().statusCode));
      asked.once('error', reject);
      asked.end();
    });
    expect(status).toBe(200);
    await Promise.all([first.stop(), second.stop()]);
    rmSync(folder, { recursive: true });
  });
});
