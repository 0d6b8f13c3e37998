/** Connections on their way to and from the xDS server. */
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { XdsServer } from '../../src/xds/server.ts';
import { eventually } from '../support/eventually.ts';

const many = 200;

describe('the xDS server', () => {
  let server: XdsServer;
  let port: number;

  beforeEach(async () => {
    server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined });
    port = await server.start();
  });

  afterEach(() => server.stop());

  it.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'forgets a client whose connection ends by %s',
    async (way) => {
      const socket = connect(port, '127.0.0.1');
      const session = connectHttp2('http://xds', { createConnection: () => socket });
      const stream = session.request({
        ':method': 'POST',
        ':path': '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      for (const each of [socket, session, stream]) each.on('error', () => undefined);
      await eventually(() => expect(server.streams()).toHaveLength(1));
      socket[way]();
      await eventually(() => expect(server.streams()).toHaveLength(0));
      session.destroy();
    },
  );

  it('ends although a client neither speaks nor reads', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    // The server's settings have come; they are not read.
    await new Promise((resolve) => void socket.once('readable', resolve));
    await server.stop();
    socket.destroy();
    expect(server.streams()).toHaveLength(0);
  });

  it('ends although connections wait for their turn, or came and went without a word', async () => {
    const sockets = Array.from({ length: many }, () => connect(port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => undefined);
    const closed = sockets.map((socket) => new Promise((resolve) => void socket.once('close', resolve)));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => void socket.once('connect', resolve))));
    for (const socket of sockets.slice(many / 2)) socket.destroy();
    await server.stop();
    for (const socket of sockets) socket.resume();
    await Promise.all(closed);
    expect(server.streams()).toHaveLength(0);
  });
});
