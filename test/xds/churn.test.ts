/** Who comes and goes all the time waits; who stays does not. */
import { connect } from 'node:net';
import { expect, it } from '@jest/globals';
import { Churn } from '../../src/xds/churn.ts';
import { defaultServerLimits } from '../../src/xds/limits.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { eventually } from '../support/eventually.ts';

const limits = { ...defaultServerLimits, shortMs: 100, shortConnections: 3, shortPerSecond: 2, shortDelayMs: 1_000 };

it('lets an address wait that has made more short connections than it may, until they are made up for', () => {
  const churn = new Churn(limits);
  for (let connection = 0; connection < 4; connection += 1) {
    expect(churn.waitMs('a', 10)).toBe(0);
    churn.ended('a', 0, 10);
  }
  expect([churn.waitMs('a', 10), churn.waitMs('b', 10)]).toEqual([1_000, 0]);
  expect([churn.waitMs('a', 509), churn.waitMs('a', 511)]).toEqual([1_000, 0]);
  churn.sweep(10_000);
  expect(churn.waitMs('a', 10_000)).toBe(0);
});

it('does not count connections that stayed', () => {
  const churn = new Churn(limits);
  for (let connection = 0; connection < 10; connection += 1) churn.ended('a', 0, 100);
  expect(churn.waitMs('a', 100)).toBe(0);
});

it('takes a connection in after the wait, and none that has gone meanwhile', async () => {
  const server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    limits: { shortConnections: 2, shortPerSecond: 0, shortDelayMs: 300 },
    observe: () => undefined,
  });
  const port = await server.start();
  /** Resolves with the milliseconds until the server has said something, which is its settings. */
  const heard = async (): Promise<number> => {
    const began = performance.now();
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => void socket.once('readable', resolve));
    socket.destroy();
    return performance.now() - began;
  };
  for (let connection = 0; connection < 3; connection += 1) await heard();
  await eventually(() => expect(server.connections).toBe(0));
  expect(await heard()).toBeGreaterThan(290);
  const gone = connect(port, '127.0.0.1');
  await eventually(() => expect(server.connections).toBe(1));
  gone.destroy();
  await eventually(() => expect(server.connections).toBe(0));
  await server.stop();
});
