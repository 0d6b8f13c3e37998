/**
 * The network the tests against a Kubernetes API server run in: a namespace of their own, whose loopback interface also owns
 * 10.77.0.0/24. EndpointSlices may not name 127.0.0.1, and nothing on the machine must be reached or changed.
 */
import { spawnSync } from 'node:child_process';

/** The loopback interface answers for the whole range, so every address of it can be listened on. test/support/pod-network.ts knows it. */
const podRange = '10.77.0.1/24';

/**
 * The words to put before a command so that it runs in a new namespace, which ends with it; or why this machine has none.
 *
 * @returns {{ prefix: readonly string[] } | { problem: string }}
 */
export function networkNamespace() {
  // Who is not root may make a namespace only together with a user namespace, inside which it is root.
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const setup = `ip link set lo up && ip addr add ${podRange} dev lo && exec "$@"`;
  const options = [...user, '--net', '--', 'sh', '-c', setup, 'sh'];
  const probe = spawnSync('unshare', [...options, process.execPath, '--version'], { encoding: 'utf8' });
  if (probe.status === 0) return { prefix: ['unshare', ...options] };
  if (probe.error !== undefined) {
    return { problem: `network namespaces need Linux with unshare (package util-linux): ${probe.error.message}` };
  }
  const said = probe.stderr.trim();
  if (/\bip: (command )?not found/.test(said)) return { problem: 'the ip command is missing; install iproute2' };
  return { problem: `this machine lets nobody make a network namespace: ${said}` };
}
