/** A TCP relay on loopback whose connections a test can cut: what stands between two parties on a network. */
import { connect, createServer, type Socket } from 'node:net';
import { portOf } from './ports.ts';

export interface CutProxy {
  readonly port: number;
  /** Breaks the connections that are open; new ones are relayed. */
  cut(): void;
  close(): Promise<void>;
}

export async function startCutProxy(target: number): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  };
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) keep(socket);
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: portOf(server),
    cut,
    close: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        cut();
      }),
  };
}
