/** What the ConfigMap says of all connections, while it changes. */
import { connect as connectTls } from 'node:tls';
import { expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { configMap } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('the settings of the ConfigMap', () => {
  const s = scene({ configMapNamed: 'settings', tlsNames: ['a.test'] });
  const hosts = { 'a.test': { '/': 'web:80' } };
  const plain = { hosts, annotations: { 'ssl-redirect': 'false' } };

  it('go for all Ingresses, from the moment in which they are written', async () => {
    await s.apply({
      i: plain,
      moved: { hosts: { 'b.test': { '/': 'web:80' } }, tls: [{ hosts: ['b.test'], secretName: 'tls' }] },
    });
    expect(await s.outcome('b.test/x')).toBe('308 https://b.test/x');
    expect(s.problems()).toContain('settings  ConfigMapNotFound');
    await s.apply({}, configMap('settings', { 'ssl-redirect': 'false' }));
    expect(await s.outcome('b.test/x')).toBe('web /x');
    expect(s.problems()).not.toContain('settings  ConfigMapNotFound');
    await s.apply({}, configMap('settings', {}));
    expect(await s.outcome('b.test/x')).toBe('308 https://b.test/x');
  });

  it('close all paths while a protection is asked for that is not there, and open them again', async () => {
    await s.apply({ i: plain }, configMap('settings', { 'whitelist-source-range': 'nonsense' }));
    expect(await s.outcome('a.test/')).toBe('503');
    await s.apply({}, configMap('settings', { 'whitelist-source-range': '192.0.2.0/24' }));
    expect(await s.outcome('a.test/')).toBe('403');
    await s.apply({}, configMap('settings', {}));
    expect(await s.outcome('a.test/')).toBe('web /');
  });

  it('say whether the proxy in front is believed', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-host': 'front.test' };
    const seen = async () => (await s.ask('a.test/', { headers })).echo?.headers;
    await s.apply({ i: plain }, configMap('settings', {}));
    expect(await seen()).toMatchObject({ 'x-forwarded-host': 'a.test' });
    await s.apply({}, configMap('settings', { 'use-forwarded-headers': 'true' }));
    await eventually(async () => {
      expect(await seen()).toMatchObject({ 'x-real-ip': '203.0.113.9', 'x-forwarded-host': 'front.test' });
    });
  });

  it('say how many requests a connection takes', async () => {
    await s.apply({ i: plain }, configMap('settings', { 'keep-alive-requests': '1' }));
    await eventually(async () => expect((await s.ask('a.test/')).headers.connection).toBe('close'));
  });

  it('say which HTTP and which TLS is spoken', async () => {
    const tls = { ...plain, tls: [{ hosts: ['a.test'], secretName: 'tls' }] };
    await s.apply({ i: tls }, configMap('settings', {}));
    const port = await s.envoy.listenerPort('https');
    const spoken = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connectTls(
          {
            port,
            host: '127.0.0.1',
            servername: 'a.test',
            rejectUnauthorized: false,
            ALPNProtocols: ['h2', 'http/1.1'],
          },
          () => {
            resolve(`${String(socket.getProtocol())} ${String(socket.alpnProtocol)}`);
            socket.destroy();
          },
        );
        socket.on('error', reject);
      });
    expect(await spoken()).toBe('TLSv1.3 h2');
    await s.apply({}, configMap('settings', { 'use-http2': 'false', 'ssl-protocols': 'TLSv1.2' }));
    await eventually(async () => expect(await spoken()).toBe('TLSv1.2 http/1.1'));
  });

  it('leave out what cannot be read, and say so', async () => {
    const data = {
      'ssl-protocols': 'TLSv9',
      'keep-alive': '-1',
      'http2-max-concurrent-streams': '99999999999',
      'use-http2': 'yes',
    };
    await s.apply({ i: plain }, configMap('settings', data));
    expect(await s.outcome('a.test/')).toBe('web /');
    expect(s.problems().filter((each) => each.startsWith('settings'))).toHaveLength(4);
  });
});
