import { createServer } from 'node:https';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startBackend } from '../../support/backend.ts';
import type { Backend } from '../../support/backend.ts';
import { certificate } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { portOf } from '../../support/ports.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('mirrors', () => {
  const stage = scene();
  const copies: string[] = [];
  const pair = certificate({ names: ['secure.test'] });
  const secure = createServer({ cert: pair.cert, key: pair.key }, (request, response) => {
    copies.push(`tls ${request.headers.host} ${request.url}`);
    response.end();
  });
  let mirror: Backend;

  beforeAll(async () => {
    mirror = await startBackend({
      handler: (request, response) => {
        let body = '';
        request.on('data', (chunk: Buffer) => (body += chunk.toString()));
        request.on('end', () => {
          copies.push([request.method, request.headers.host, request.url, body].join(' ').trim());
          response.writeHead(500).end();
        });
      },
    });
    await new Promise<void>((fulfil) => secure.listen(0, '127.0.0.1', fulfil));
  });
  afterAll(async () => {
    await mirror.close();
    await new Promise<unknown>((fulfil) => secure.close(fulfil));
  });

  const copied = (line: string) =>
    eventually(() => {
      if (!copies.includes(line)) throw new Error(`not among ${copies.join()}`);
    });

  it('get a copy of each request at the URL that is asked for, and answer nobody', async () => {
    const at = `http://127.0.0.1:${mirror.port}`;
    await stage.apply({
      uri: {
        hosts: { 'uri.test': { '~/a/(.*)': 'web:80' } },
        annotations: { 'mirror-target': `${at}$request_uri`, 'rewrite-target': '/$1' },
      },
      fixed: {
        hosts: { 'fixed.test': { '/': 'web:80' } },
        annotations: {
          'mirror-target': `${at}/copy%20of/$host?m=$request_method`,
          'mirror-host': 'copy.test',
          'mirror-request-body': 'on',
        },
      },
      plain: { hosts: { 'plain.test': { '/': 'web:80' } }, annotations: { 'mirror-target': at } },
      tls: {
        hosts: { 'tls.test': { '/': 'web:80' } },
        annotations: { 'mirror-target': `https://127.0.0.1:${portOf(secure)}/$request_uri` },
      },
    });
    expect(await stage.outcome('uri.test/a/b?c=d')).toBe('web /b?c=d');
    await copied('GET 127.0.0.1 /a/b?c=d');
    expect(await stage.outcome('fixed.test/x', { method: 'POST', body: 'text' })).toBe('web /x');
    await copied('POST copy.test /copy%20of/fixed.test?m=POST text');
    expect(await stage.outcome('plain.test/x?y')).toBe('web /x?y');
    await copied('GET 127.0.0.1 /x?y');
    expect(await stage.outcome('tls.test/x')).toBe('web /x');
    await copied('tls 127.0.0.1 /x');
  });

  it('are left out when they are no URL, and nothing else is lost when they are not there', async () => {
    await stage.apply({
      gone: { hosts: { 'gone.test': { '/': 'web:80' } }, annotations: { 'mirror-target': 'http://127.0.0.1:1' } },
      bad: { hosts: { 'bad.test': { '/': 'web:80' } }, annotations: { 'mirror-target': 'http://$host/x' } },
      worse: {
        hosts: { 'worse.test': { '/': 'web:80' } },
        annotations: { 'mirror-target': 'http://a:99999', 'mirror-host': 'a b', 'mirror-request-body': 'maybe' },
      },
    });
    expect(await stage.outcome('gone.test/')).toBe('web /');
    expect(await stage.outcome('bad.test/')).toBe('web /');
    expect(await stage.outcome('worse.test/')).toBe('web /');
    expect(stage.problems()).toEqual([
      'bad mirror-target InvalidAnnotation',
      'worse mirror-host InvalidAnnotation',
      'worse mirror-request-body InvalidAnnotation',
      'worse mirror-target InvalidAnnotation',
    ]);
  });
});
