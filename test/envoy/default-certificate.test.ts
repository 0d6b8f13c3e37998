/** TLS to names without a certificate of their own: one that Sluice has made is shown, as ingress-nginx shows one of its own. */
import { connect } from 'node:tls';
import { beforeAll, expect, it } from '@jest/globals';
import { makeSelfSigned } from '../../src/certificates/x509.ts';
import { certificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ingress, tlsSecret } from '../support/objects.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { openWebSocket } from '../support/web-socket.ts';
import { scene } from './features/scene.ts';

const hour = 3_600_000;

function made(subject: string): Promise<{ readonly cert: string; readonly key: string }> {
  const now = Date.now();
  return makeSelfSigned({ subject, names: ['default.invalid'], notBefore: now - hour, notAfter: now + 24 * hour });
}

describeWithEnvoy('the default certificate', () => {
  const stage = scene({ tlsNames: ['own.test'] });

  beforeAll(async () => {
    const pair = await made('stand-in 1');
    stage.serving.translation.showByDefault({ chain: pair.cert, privateKey: pair.key });
    await stage.apply({
      plain: { hosts: { 'plain.test': { '/': 'web:80' } } },
      own: { hosts: { 'own.test': { '/': 'web:80' } }, tls: [{ hosts: ['own.test'], secretName: 'tls' }] },
      missing: { hosts: { 'missing.test': { '/': 'web:80' } }, tls: [{ hosts: ['missing.test'], secretName: 'gone' }] },
      none: { hosts: { 'none.test': { '/': 'web:80' } }, tls: [{ hosts: ['none.test'], secretName: '' }] },
    });
  });

  /** Common name of what a client is shown; without a name it sends none. */
  async function shown(name = ''): Promise<string | undefined> {
    const port = await stage.envoy.listenerPort('https');
    return new Promise((fulfil, reject) => {
      const socket = connect({ port, host: '127.0.0.1', servername: name, rejectUnauthorized: false }, () => {
        fulfil(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once('error', reject);
    });
  }

  it.each([
    ['plain.test', 'stand-in 1'],
    ['missing.test', 'stand-in 1'],
    ['none.test', 'stand-in 1'],
    ['nobody.test', 'stand-in 1'],
    ['', 'stand-in 1'],
    ['own.test', 'own.test'],
  ])('is for names without another: %s', async (name, expected) => {
    expect(await shown(name)).toBe(expected);
  });

  it.each([
    ['https://plain.test/x', 'web /x'],
    ['https://missing.test/x', 'web /x'],
    ['https://nobody.test/x', '404'],
    // Only where TLS has been asked for: nobody who uses plain HTTP is sent to a certificate that no browser takes.
    ['plain.test/x', 'web /x'],
    ['missing.test/x', '308 https://missing.test/x'],
    ['none.test/x', '308 https://none.test/x'],
    ['own.test/x', '308 https://own.test/x'],
  ])('serves every host over TLS: %s is %s', async (url, expected) => {
    expect(await stage.outcome(url)).toBe(expected);
  });

  it('says in X-Forwarded-Proto that the request came over TLS', async () => {
    const { echo, headers } = await stage.ask('https://plain.test/');
    expect(echo?.headers['x-forwarded-proto']).toBe('https');
    expect(headers['strict-transport-security']).toBeDefined();
  });

  it('is renewed, and gives way to a Secret and takes its place, without closing a connection', async () => {
    const port = await stage.envoy.listenerPort('https');
    const socket = await openWebSocket(port, 'plain.test');
    const next = await made('stand-in 2');
    stage.serving.translation.showByDefault({ chain: next.cert, privateKey: next.key });
    stage.serving.apply();
    await eventually(async () => expect(await shown('nobody.test')).toBe('stand-in 2'));
    const chosen = certificate({ names: ['chosen.test'] });
    const forAll = ingress('for-all', { hosts: { '': { '/': 'api:80' } }, tls: [{ hosts: [], secretName: 'chosen' }] });
    stage.serving.apply(tlsSecret('chosen', chosen.cert, chosen.key), forAll);
    await eventually(async () => expect(await shown('nobody.test')).toBe('chosen.test'));
    stage.serving.remove(forAll);
    await eventually(async () => expect(await shown('nobody.test')).toBe('stand-in 2'));
    await socket.echo('still here');
  });
});
