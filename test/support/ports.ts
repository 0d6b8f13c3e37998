/** Ports nobody listens on. For servers that cannot be told to take port 0 and say which one they got; all others should do that. */
import { createServer, type Server } from 'node:net';

/** Distinct free TCP ports of one address. They are all held while the last is looked for, so they never repeat within one call. */
export async function freePorts(count: number, address = '127.0.0.1'): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(address)));
  const ports = servers.map(portOf);
  await Promise.all(servers.map(close));
  return ports;
}

export async function freePort(address = '127.0.0.1'): Promise<number> {
  const [port] = await freePorts(1, address);
  if (port === undefined) throw new Error(`no free port on ${address}`);
  return port;
}

/** The port a server listens on. Throws when it does not listen on a TCP port. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a TCP port');
  return address.port;
}

function listen(address: string): Promise<Server> {
  return new Promise((fulfil, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, address, () => fulfil(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((fulfil) => {
    server.close(() => fulfil());
  });
}
