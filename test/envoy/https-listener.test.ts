/** The listener for TLS comes with the first host that has a certificate, goes with the last one, and comes back on its port. */
import { Agent, get } from 'node:http';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { freePort } from '../support/ports.ts';
import { startServing, translationOptions } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { openWebSocket } from '../support/web-socket.ts';

const pair = certificate({ names: ['own.test'] });
const plain = ingress('plain', { hosts: { 'plain.test': { '/': 'web:80' } } });
const own = ingress('own', {
  hosts: { 'own.test': { '/': 'web:80' } },
  tls: [{ hosts: ['own.test'], secretName: 'own' }],
});

describeWithEnvoy('the listener for TLS', () => {
  let backend: Backend;
  let serving: Serving;
  let envoy: RunningEnvoy;
  let port: number;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  beforeAll(async () => {
    port = await freePort();
    backend = await startBackend();
    serving = await startServing({ ...translationOptions, listen: { ...translationOptions.listen, httpsPort: port } });
    serving.apply(
      ingressClass(),
      service('web', { http: 80 }),
      endpointSlice('web-1', 'web', { http: backend.port }, ['127.0.0.1']),
      tlsSecret('own', pair.cert, pair.key),
      plain,
    );
    envoy = await joinEnvoy({ xdsPort: serving.port, drainSeconds: 1 });
  });

  afterAll(async () => {
    agent.destroy();
    await envoy?.stop();
    await serving?.stop();
    await backend?.close();
  });

  /** Over one connection, for as long as Envoy keeps it. */
  async function askPlain(): Promise<number | undefined> {
    const httpPort = await envoy.listenerPort('http');
    return new Promise((fulfil, reject) => {
      get({ agent, port: httpPort, host: '127.0.0.1', headers: { host: 'plain.test' } }, (answer) => {
        answer.resume().once('end', () => fulfil(answer.statusCode));
      }).once('error', reject);
    });
  }

  const askSecure = () => httpRequest({ port, host: 'own.test', tls: {} }).then(({ status }) => status);

  it('serves the first host as soon as it comes, and nobody when the last is gone, any number of times', async () => {
    await eventually(async () => expect(await askPlain()).toBe(200));
    for (let round = 1; round <= 3; round += 1) {
      await expect(askSecure()).rejects.toThrow(/ECONNREFUSED/);
      serving.apply(own);
      await eventually(async () => expect(await askSecure()).toBe(200));
      expect(await askPlain()).toBe(200);
      const socket = await openWebSocket(port, 'own.test');
      await socket.echo(`round ${round}.`);
      serving.remove(own);
      await eventually(() => expect(askSecure()).rejects.toThrow(/ECONNREFUSED/));
      expect(await askPlain()).toBe(200);
      // Its host is gone, so it is drained; a connection to another listener is not.
      await eventually(() => expect(socket.isOpen()).toBe(false));
      expect(await askPlain()).toBe(200);
    }
    expect(await envoy.stat('http.http.downstream_cx_total')).toBe(1);
    expect(serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
  }, 60_000);

  it('is there again when its last host goes and comes back at once', async () => {
    serving.apply(own);
    await eventually(async () => expect(await askSecure()).toBe(200));
    serving.remove(own);
    serving.apply(own);
    await eventually(async () => expect(await askSecure()).toBe(200));
  });
});
