/**
 * TLS hosts that come and go on a real Envoy, whoever is connected: who a change does not concern is not drained. What Envoy drains
 * it closes after a second here, so a WebSocket that is still open at the end was never drained.
 */
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { openWebSocket } from '../support/web-socket.ts';
import type { OpenSocket } from '../support/web-socket.ts';

/** SLUICE_TLS_CHANGES=1000 is the whole of it; so many show the same. */
const changes = Number(process.env['SLUICE_TLS_CHANGES'] ?? 60);

const pairs = {
  own: certificate({ names: ['own.test'] }),
  shared: certificate({ names: ['*.shared.test'] }),
  deep: certificate({ names: ['exact.shared.test'] }),
  fallback: certificate({ names: ['fallback.test'] }),
  rsa: certificate({ names: ['both.test'], key: 'rsa-2048' }),
  ecdsa: certificate({ names: ['both.test'] }),
  other: certificate({ names: ['other.test'] }),
} as const;

type PairName = keyof typeof pairs;

/** What the client of a connection that was closed in its handshake says. */
const hungUp = /closed|ECONNRESET|socket/;

const secret = (name: string, pair: PairName) => tlsSecret(name, pairs[pair].cert, pairs[pair].key);

/** An Ingress for the host with the certificates of the Secrets. */
const tlsHost = (name: string, host: string, ...secretNames: readonly string[]) =>
  ingress(name, {
    hosts: { [host]: { '/': 'web:80' } },
    tls: secretNames.map((secretName) => ({ hosts: [host], secretName })),
  });

describeWithEnvoy('TLS on an Envoy that Sluice configures', () => {
  describe.each(['delta', 'sotw'] as const)('over %s', (protocol) => {
    let backend: Backend;
    let serving: Serving;
    let envoy: RunningEnvoy;

    beforeAll(async () => {
      backend = await startBackend({ name: 'web' });
      serving = await startServing();
      serving.apply(
        ingressClass(),
        service('web', { http: 80 }),
        endpointSlice('web-1', 'web', { http: backend.port }, ['127.0.0.1']),
        secret('own', 'own'),
        secret('shared', 'shared'),
        secret('deep', 'deep'),
        secret('rsa', 'rsa'),
        secret('ecdsa', 'ecdsa'),
        tlsHost('own', 'own.test', 'own'),
        tlsHost('wild', '*.shared.test', 'shared'),
        tlsHost('deep', 'exact.shared.test', 'deep'),
        tlsHost('a', 'a.shared.test', 'shared'),
        tlsHost('both', 'both.test', 'rsa', 'ecdsa'),
      );
      envoy = await joinEnvoy({ xdsPort: serving.port, protocol, drainSeconds: 1 });
    });

    afterAll(async () => {
      await envoy?.stop();
      await serving?.stop();
      await backend?.close();
    });

    /** The certificate that a client with this server name is shown, by its name above; it throws when it is shown none. */
    async function shown(serverName: string, ciphers?: string): Promise<string | undefined> {
      const port = await envoy.listenerPort('https');
      const fingerprint = await new Promise<string>((fulfil, reject) => {
        const limits = ciphers === undefined ? {} : ({ ciphers, maxVersion: 'TLSv1.2' } as const);
        const options = { port, host: '127.0.0.1', servername: serverName, rejectUnauthorized: false, ...limits };
        const socket = connect(options, () => {
          fulfil(socket.getPeerX509Certificate()?.toString() ?? '');
          socket.destroy();
        });
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('closed')));
      });
      return Object.entries(pairs).find(([, { cert }]) => cert.trim() === fingerprint.trim())?.[0];
    }

    it.each<[string, PairName]>([
      ['own.test', 'own'],
      ['OWN.test', 'own'],
      ['a.shared.test', 'shared'],
      ['any.shared.test', 'shared'],
      ['exact.shared.test', 'deep'],
    ])('shows %s the certificate of %s', async (serverName, pair) => {
      expect(await shown(serverName)).toBe(pair);
    });

    it('shows a host with two certificates each to the clients that can use it', async () => {
      expect(await shown('both.test', 'ECDHE-RSA-AES128-GCM-SHA256')).toBe('rsa');
      expect(await shown('both.test', 'ECDHE-ECDSA-AES128-GCM-SHA256')).toBe('ecdsa');
    });

    it('closes the connection of who asks for a host without a certificate, as long as there is no default', async () => {
      await expect(shown('unknown.test')).rejects.toThrow(hungUp);
    });

    it('closes no WebSocket of other hosts while hosts, certificates and a default come, change and go', async () => {
      const port = await envoy.listenerPort('https');
      const hosts = ['own.test', 'a.shared.test', 'any.shared.test', 'exact.shared.test', 'both.test'];
      const sockets = await Promise.all([...hosts, ...hosts].map((host) => openWebSocket(port, host)));
      for (let round = 0; round < changes / 10; round += 1) await tenChanges(round);
      // Longer than what is drained stays open, were it only the last change that drained it.
      await openFor(sockets, 2_000);
      expect(sockets.filter((socket) => !socket.isOpen()).map(({ host }) => host)).toEqual([]);
      for (const socket of sockets) socket.close();
      expect(await envoy.stat('listener_manager.total_listeners_draining')).toBe(0);
    }, 600_000);

    /** Each is seen at the Envoy before the next one is made. */
    async function tenChanges(round: number): Promise<void> {
      const [before, after] = round % 2 === 0 ? (['own', 'other'] as const) : (['other', 'own'] as const);
      const added = tlsHost('added', 'added.test', 'added');
      const joining = tlsHost('joining', `joining-${round}.shared.test`, 'shared');
      const fallback = ingress('fallback', { defaultBackend: 'web:80', tls: [{ hosts: [], secretName: 'fallback' }] });
      serving.apply(secret('added', 'other'), added);
      await eventually(async () => expect(await shown('added.test')).toBe('other'));
      serving.apply(secret('added', 'deep'));
      await eventually(async () => expect(await shown('added.test')).toBe('deep'));
      serving.apply(tlsHost('added', 'added.test', 'own'));
      await eventually(async () => expect(await shown('added.test')).toBe(before));
      serving.remove(added);
      await eventually(() => expect(shown('added.test')).rejects.toThrow(hungUp));
      serving.apply(joining);
      await eventually(async () => expect(await status(`joining-${round}.shared.test`)).toBe(200));
      serving.apply(secret('fallback', 'fallback'), fallback);
      await eventually(async () => expect(await shown('unknown.test')).toBe('fallback'));
      serving.apply(secret('own', after));
      await eventually(async () => expect(await shown('own.test')).toBe(after));
      serving.apply(secret('fallback', 'other'));
      await eventually(async () => expect(await shown('unknown.test')).toBe('other'));
      serving.remove(fallback);
      await eventually(() => expect(shown('unknown.test')).rejects.toThrow(hungUp));
      serving.remove(joining);
      await eventually(async () => expect(await shown(`joining-${round}.shared.test`)).toBe('shared'));
    }

    async function status(host: string): Promise<number> {
      return (await httpRequest({ port: await envoy.listenerPort('https'), host, tls: {} })).status;
    }

    it('drains nobody who uses the default certificate when the last other host goes', async () => {
      serving.apply(
        secret('fallback', 'fallback'),
        ingress('fallback', { defaultBackend: 'web:80', tls: [{ hosts: [], secretName: 'fallback' }] }),
      );
      await eventually(async () => expect(await shown('unknown.test')).toBe('fallback'));
      const socket = await openWebSocket(await envoy.listenerPort('https'), 'unknown.test');
      for (const [name, host, ...secrets] of [
        ['own', 'own.test', 'own'],
        ['wild', '*.shared.test', 'shared'],
        ['deep', 'exact.shared.test', 'deep'],
        ['a', 'a.shared.test', 'shared'],
        ['both', 'both.test', 'rsa', 'ecdsa'],
      ] as const) {
        serving.remove(tlsHost(name, host, ...secrets));
      }
      await eventually(async () => expect(await shown('own.test')).toBe('fallback'));
      await openFor([socket], 2_000);
      socket.close();
    });

    it('has been refused nothing', () => {
      expect(serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
    });
  });
});

/** Sends something now and then, for so many milliseconds. Throws when one of the sockets closes. */
async function openFor(sockets: readonly OpenSocket[], within: number): Promise<void> {
  const end = Date.now() + within;
  let pings = 0;
  await eventually(
    async () => {
      pings += 1;
      await Promise.all(sockets.map((socket) => socket.echo(`ping ${pings}.`)));
      if (Date.now() < end) throw new Error('it is not over yet');
    },
    { within: within + 10_000, every: 100 },
  );
}
