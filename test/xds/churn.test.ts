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
  // One by one, two a second, and none that would wait for longer than a second.
  expect([1, 2, 3, 4].map(() => churn.waitMs('a', 10))).toEqual([0, 500, 1_000, undefined]);
  expect(churn.waitMs('b', 10)).toBe(0);
  expect([churn.waitMs('a', 509), churn.waitMs('a', 511)]).toEqual([undefined, 0]);
  churn.sweep(10_000);
  expect(churn.waitMs('a', 10_000)).toBe(0);
});

it('does not count connections that stayed', () => {
  const churn = new Churn(limits);
  for (let connection = 0; connection < 10; connection += 1) churn.ended('a', 0, 100);
  expect(churn.waitMs('a', 100)).toBe(0);
});

it('takes a connection in after the wait, none that has gone meanwhile, and resets those that would wait too long', async () => {
  const server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    limits: { shortConnections: 2, shortPerSecond: 2, shortDelayMs: 700 },
    observe: () => undefined,
  });
  const port = await server.start();
  /** What becomes of a connection: the server says something, which is its settings, or hangs up. */
  const outcome = async (): Promise<string> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    const said = new Promise<string>((resolve) => void socket.once('data', () => resolve('heard')));
    const closed = new Promise<string>((resolve) => void socket.once('close', () => resolve('closed')));
    const what = await Promise.race([said, closed]);
    socket.destroy();
    return what;
  };
  for (let connection = 0; connection < 4; connection += 1) expect(await outcome()).toBe('heard');
  await eventually(() => expect(server.connections).toBe(0));
  const began = performance.now();
  const outcomes = await Promise.all(Array.from({ length: 6 }, outcome));
  expect(performance.now() - began).toBeGreaterThan(100);
  expect(outcomes.filter((each) => each === 'heard').length).toBeLessThan(4);
  expect(outcomes.filter((each) => each === 'closed').length).toBeGreaterThan(2);
  await eventually(() => expect(server.connections).toBe(0));
  await server.stop();
});
