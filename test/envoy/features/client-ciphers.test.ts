/** How TLS is spoken with the clients of one host, and how it is passed on to a backend. */
import { createServer } from 'node:https';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Translation } from '../../../src/translation/translation.ts';
import { certificate } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { httpRequest } from '../../support/http-request.ts';
import { applied, configMap, endpointSlice, ingress, ingressClass, service } from '../../support/objects.ts';
import { portOf } from '../../support/ports.ts';
import { translationOptions } from '../../support/serving.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

const [rsa, ecdsa] = ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'];
const large = 'ECDHE-ECDSA-AES256-GCM-SHA384';

describeWithEnvoy('ciphers', () => {
  const s = scene({ tlsNames: ['a.test', 'b.test', 'c.test'], configMapNamed: 'settings' });
  const tls = [{ hosts: ['a.test', 'b.test', 'c.test'], secretName: 'tls' }];
  const hosts = (host: string) => ({ hosts: { [host]: { '/': 'web:80' } }, tls });

  /** What is agreed with a client that offers these, by TLS 1.2. */
  async function agreed(name: string, ciphers: string): Promise<string> {
    const port = await s.envoy.listenerPort('https');
    return new Promise((resolve) => {
      const options = {
        port,
        host: '127.0.0.1',
        servername: name,
        ciphers,
        maxVersion: 'TLSv1.2',
        rejectUnauthorized: false,
      };
      const socket = connect({ ...options, maxVersion: 'TLSv1.2' }, () => {
        resolve(socket.getCipher().name);
        socket.destroy();
      });
      socket.on('error', () => resolve('refused'));
    });
  }

  it('are those of the host, in its order, or in that of the client', async () => {
    await s.apply(
      {
        a: { ...hosts('a.test'), annotations: { 'ssl-ciphers': `DHE-RSA-AES128-GCM-SHA256:${large}:${rsa}` } },
        b: {
          ...hosts('b.test'),
          annotations: { 'ssl-ciphers': `${large}:${ecdsa}`, 'ssl-prefer-server-ciphers': 'false' },
        },
        c: hosts('c.test'),
      },
      configMap('settings', {}),
    );
    expect(await agreed('a.test', `${ecdsa}:${large}`)).toBe(large);
    expect(await agreed('a.test', ecdsa)).toBe('refused');
    expect(await agreed('b.test', `${ecdsa}:${large}`)).toBe(ecdsa);
    expect(await agreed('b.test', `${large}:${ecdsa}`)).toBe(large);
    expect(await agreed('c.test', ecdsa)).toBe(ecdsa);
    expect(await s.outcome('https://a.test/x')).toBe('web /x');
  });

  it('are for all hosts by the ConfigMap, and the annotation is before it', async () => {
    await s.apply(
      { a: { ...hosts('a.test'), annotations: { 'ssl-ciphers': ecdsa } }, b: hosts('b.test'), c: hosts('c.test') },
      configMap('settings', { 'ssl-ciphers': large }),
    );
    await eventually(async () => expect(await agreed('c.test', ecdsa)).toBe('refused'));
    expect(await agreed('c.test', large)).toBe(large);
    expect(await agreed('a.test', `${large}:${ecdsa}`)).toBe(ecdsa);
  });

  it('that Envoy does not know are left out, and reported when none is left', async () => {
    await s.apply(
      {
        a: { ...hosts('a.test'), annotations: { 'ssl-ciphers': 'HIGH:!aNULL:!MD5' } },
        b: { ...hosts('b.test'), annotations: { 'ssl-ciphers': 'x;y', 'ssl-prefer-server-ciphers': 'maybe' } },
      },
      configMap('settings', { 'ssl-ciphers': 'ALL' }),
    );
    expect(await agreed('a.test', ecdsa)).toBe(ecdsa);
    expect(await s.outcome('https://b.test/')).toBe('web /');
    expect(s.problems()).toEqual(
      expect.arrayContaining([
        'a ssl-ciphers InvalidAnnotation',
        'b ssl-ciphers InvalidAnnotation',
        'b ssl-prefer-server-ciphers InvalidAnnotation',
        'settings data[ssl-ciphers] InvalidAnnotation',
      ]),
    );
  });

  it('and the size of headers are as the ConfigMap says', async () => {
    const big = { headers: { 'x-big': 'x'.repeat(12_000) } };
    await s.apply({ a: hosts('a.test') }, configMap('settings', {}));
    expect((await s.ask('https://a.test/', big)).status).toBe(200);
    await s.apply({}, configMap('settings', { 'large-client-header-buffers': '1 8k' }));
    await eventually(async () => expect((await s.ask('https://a.test/', big)).status).toBe(431));
    await s.apply({}, configMap('settings', { 'large-client-header-buffers': 'many' }));
    await eventually(async () => expect((await s.ask('https://a.test/', big)).status).toBe(200));
    expect(s.problems()).toContain('settings data[large-client-header-buffers] InvalidAnnotation');
  });
});

describeWithEnvoy('TLS that is passed through', () => {
  const own = certificate({ names: ['pass.test'] });
  const secure = createServer({ cert: own.cert, key: own.key }, (_request, answer) => answer.end('by the backend'));
  const s = scene({ tlsNames: ['pass.test', 'other.test'], configMap: { 'enable-ssl-passthrough': 'true' } });
  const tls = [{ hosts: ['pass.test', 'other.test'], secretName: 'tls' }];

  beforeAll(async () => {
    await new Promise<void>((fulfil) => void secure.listen(0, '127.0.0.1', fulfil));
    s.serving.apply(
      service('secure', { https: 443 }),
      endpointSlice('secure-1', 'secure', { https: portOf(secure) }, ['127.0.0.1']),
    );
  });

  afterAll(() => new Promise<void>((fulfil) => void secure.close(() => fulfil())));

  it('reaches the backend of the root as it is, whatever else is said of the host', async () => {
    await s.apply({
      pass: {
        hosts: { 'pass.test': { '/': 'secure:443', '/x': 'web:80' } },
        tls,
        annotations: {
          'ssl-passthrough': 'true',
          'backend-protocol': 'HTTPS',
          'force-ssl-redirect': 'true',
          'whitelist-source-range': '192.0.2.0/24',
        },
      },
      other: { hosts: { 'other.test': { '/': 'web:80' } }, tls },
    });
    const client = { ca: own.cert } as const;
    const ask = async (path: string) => {
      const port = await s.envoy.listenerPort('https');
      return httpRequest({ port, host: 'pass.test', path, tls: client });
    };
    expect(await ask('/')).toMatchObject({ status: 200, body: 'by the backend' });
    expect(await ask('/x')).toMatchObject({ body: 'by the backend' });
    expect(await s.outcome('https://other.test/')).toBe('web /');
    expect(await s.outcome('pass.test/y')).toBe('308 https://pass.test/y');
  });

  it('ends here again when the annotation goes, or says so without the flag', async () => {
    await s.apply({ pass: { hosts: { 'pass.test': { '/': 'web:80' } }, tls } });
    await eventually(async () => expect(await s.outcome('https://pass.test/')).toBe('web /'));
    const translation = new Translation(translationOptions);
    translation.update(
      [
        ingressClass(),
        ingress('i', {
          hosts: { 'pass.test': { '/': 'web:80' } },
          annotations: { 'nginx.ingress.kubernetes.io/ssl-passthrough': 'true' },
        }),
      ].map(applied),
    );
    translation.commit();
    expect(translation.problems()).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('--enable-ssl-passthrough') }),
    );
  });
});
