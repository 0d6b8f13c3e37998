import { createServer } from 'node:net';
import { formatHostPort, UsageError, type HostPort } from '../setting.ts';

/** Looks whether the addresses that a command will listen on can be had, so that it says which flag to change before it starts. */

export interface WantedAddress extends HostPort {
  readonly flag: string;
}

/** @throws UsageError for the first address that something else has or that this machine does not have. */
export async function requireFreeAddresses(wanted: readonly WantedAddress[]): Promise<void> {
  const reasons = await Promise.all(wanted.map((address) => whyNot(address)));
  const reason = reasons.find((text) => text !== undefined);
  if (reason !== undefined) throw new UsageError(reason);
}

function whyNot(address: WantedAddress): Promise<string | undefined> {
  return new Promise((fulfil) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => fulfil(describe(address, error)));
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
      server.close(() => fulfil(undefined));
    });
  });
}

const notHere = 'is no address of this machine: choose another one, such as 127.0.0.1 or 0.0.0.0,';

/** By the system's error code; each is followed by "with --flag". */
const explanations: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process: end that process or choose another port',
  EADDRNOTAVAIL: notHere,
  ENOTFOUND: notHere,
  EACCES: 'needs privileges: choose a port from 1024 up',
};

function describe({ flag, ...address }: WantedAddress, error: NodeJS.ErrnoException): string {
  const named = `${flag}: ${formatHostPort(address)}`;
  const explanation = explanations[error.code ?? ''] ?? `cannot be listened on (${error.message}): choose another one`;
  return `${named} ${explanation} with ${flag}`;
}
