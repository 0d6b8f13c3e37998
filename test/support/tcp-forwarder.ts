/** A TCP relay on loopback that stands for a Service: new connections go to a target that can be used, old ones stay where they are. */
import { connect, createServer, type Socket } from 'node:net';
import { portOf } from './ports.ts';

export interface TcpForwarder {
  readonly port: number;
  /** Where new connections go, ports on loopback: the first that accepts. Connections that are open stay. */
  use(...targets: readonly number[]): void;
  close(): Promise<void>;
}

export async function startTcpForwarder(...first: readonly number[]): Promise<TcpForwarder> {
  let targets = first;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const relay = async (near: Socket): Promise<void> => {
    keep(near);
    const far = await reach(targets);
    if (far === undefined) {
      near.destroy();
      return;
    }
    keep(far);
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    if (near.destroyed) far.destroy();
  };
  const server = createServer({ allowHalfOpen: true }, (near) => void relay(near));
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return {
    port: portOf(server),
    use: (...next) => {
      targets = next;
    },
    close: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A connection to the first target that accepts one. */
async function reach(targets: readonly number[]): Promise<Socket | undefined> {
  for (const port of targets) {
    const socket = await attempt(port);
    if (socket !== undefined) return socket;
  }
  return undefined;
}

function attempt(port: number): Promise<Socket | undefined> {
  return new Promise((fulfil) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.once('connect', () => fulfil(socket));
    socket.once('error', () => fulfil(undefined));
  });
}
