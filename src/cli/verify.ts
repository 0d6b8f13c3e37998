import { parseHostPort, parseText, refuse, isLoopback, Settings, UsageError, type Flags } from '../setting.ts';
import { startVerifier } from '../verifier/server.ts';
import type { VerifierAddress } from '../verifier/server.ts';
import { listenForStop } from './stop-signal.ts';

/** `sluice verify`: stays beside an Envoy and compares the passwords of basic authentication, also while no control plane is there. */

/** @throws UsageError naming the flag that cannot be used. */
export function readVerify(flags: Flags): VerifierAddress {
  const settings = new Settings(flags, {});
  const socketPath = settings.one('socket', parseText);
  const address = settings.one('address', (setting) => {
    const parsed = parseHostPort(setting);
    return isLoopback(parsed.host)
      ? parsed
      : refuse(setting, 'is not on this machine', 'give one such as 127.0.0.1:9902');
  });
  if (socketPath !== undefined && address !== undefined) {
    throw new UsageError('--socket and --address exclude each other: the verifier has one address');
  }
  return socketPath === undefined ? (address ?? { host: '127.0.0.1', port: 9902 }) : { socketPath };
}

export async function verify(flags: Flags): Promise<number> {
  const address = readVerify(flags);
  const stop = listenForStop();
  const verifier = await startVerifier(address);
  const where = 'socketPath' in address ? address.socketPath : `${address.host}:${verifier.port}`;
  process.stdout.write(`sluice verify: listening on ${where}\n`);
  await stop.received;
  await verifier.stop();
  stop.release();
  return 0;
}
