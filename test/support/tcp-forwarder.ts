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
  const server = createServer({ allowHalfOpen: true }, (near) => {
    keep(near);
    reach(targets).then(
      (far) => {
        keep(far);
        near.pipe(far).pipe(near);
        near.on('close', () => far.destroy());
        far.on('close', () => near.destroy());
      },
      () => near.destroy(),
    );
  });
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

/** A connection to the first target that accepts one. Throws when none does. */
async function reach(targets: readonly number[]): Promise<Socket> {
  for (const port of targets) {
    // oxlint-disable-next-line no-await-in-loop -- the next is asked only when this one refuses
    const socket = await attempt(port);
    if (socket !== undefined) return socket;
  }
  throw new Error(`nobody listens on ${targets.join(', ')}`);
}

function attempt(port: number): Promise<Socket | undefined> {
  return new Promise((fulfil) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.once('connect', () => fulfil(socket));
    socket.once('error', () => fulfil(undefined));
  });
}
