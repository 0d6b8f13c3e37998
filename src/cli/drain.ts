import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parseDuration, parseIpAddress, parsePort, parseText, Settings, UsageError, type Flags } from '../setting.ts';
import { defaultAdminSocket } from './admin-socket.ts';
import { listenForStop } from './stop-signal.ts';

/**
 * `sluice drain`: stays beside an Envoy and, when it is told to stop, takes that Envoy out of service first. Envoy itself ends at once
 * on SIGTERM and cuts off whom it serves. In a pod, Envoy is a sidecar container, which Kubernetes stops only after this has ended.
 */

export interface Drain {
  readonly admin: { readonly socketPath: string } | { readonly host: string; readonly port: number };
  /** How long to serve on in any case, in milliseconds: load balancers need a while to notice. */
  readonly minMs: number;
  /** When to give up on connections that stay, in milliseconds. */
  readonly maxMs: number;
  /** Whether readiness goes on: for balancers that go by the Pod's termination, and drop what they send to an unready one. */
  readonly keepReady: boolean;
}

const pollMs = 250;
const answerWithinMs = 5_000;

/** @throws UsageError naming the first flag that cannot be used. */
export function readDrain(flags: Flags): Drain {
  const settings = new Settings(flags, {});
  const socketPath = settings.one('admin-socket', parseText);
  const host = settings.one('admin-address', parseIpAddress);
  const port = settings.one('admin-port', parsePort);
  const hasAddress = host !== undefined || port !== undefined;
  if (socketPath !== undefined && hasAddress) {
    throw new UsageError('--admin-socket and --admin-port exclude each other: the admin interface has one address');
  }
  const minMs = settings.one('min', parseDuration) ?? 10_000;
  const maxMs = settings.one('max', parseDuration) ?? 60_000;
  if (minMs > maxMs)
    throw new UsageError(`--min is ${minMs}ms and --max is ${maxMs}ms: the minimum must not be longer`);
  return {
    admin: hasAddress
      ? { host: host ?? '127.0.0.1', port: port ?? 9901 }
      : { socketPath: socketPath ?? defaultAdminSocket },
    minMs,
    maxMs,
    keepReady: settings.isOn('keep-ready'),
  };
}

export async function drain(flags: Flags): Promise<number> {
  const wanted = readDrain(flags);
  const stop = listenForStop();
  // The signals alone keep no process alive.
  const staying = setInterval(() => undefined, 2 ** 30);
  say('waiting to be stopped');
  await stop.received;
  clearInterval(staying);
  try {
    await drainEnvoy(wanted);
  } catch (error) {
    say(`Envoy cannot be drained: ${error instanceof Error ? error.message : String(error)}`);
  }
  stop.release();
  return 0;
}

/** From now on responses ask their clients to come back on a new connection, which are served on until the end. */
async function drainEnvoy({ admin, minMs, maxMs, keepReady }: Drain): Promise<void> {
  const began = performance.now();
  await callAdmin(admin, 'POST', keepReady ? '/drain_listeners?graceful&skip_exit' : '/healthcheck/fail');
  say('Envoy drains');
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- it is asked again and again
    const connections = activeConnections(await callAdmin(admin, 'GET', statsPath));
    const elapsed = performance.now() - began;
    if (connections === 0 && elapsed >= minMs) return say(`drained in ${Math.round(elapsed)} ms`);
    if (elapsed >= maxMs) return say(`gave up on ${connections} connections after ${Math.round(elapsed)} ms`);
    // oxlint-disable-next-line no-await-in-loop -- as above
    await pause(pollMs);
  }
}

/** The connections to listeners; Envoy's own pages are left out, which are looked at meanwhile. */
const statsPath = '/stats?filter=%5Ehttp%5C..*%5C.downstream_cx_active%24';
const ownPages = new Set(['http.admin.downstream_cx_active', 'http.status.downstream_cx_active']);

/** @param stats lines such as `http.https.downstream_cx_active: 3` */
export function activeConnections(stats: string): number {
  return stats
    .split('\n')
    .map((line) => line.split(': '))
    .filter(([name = '']) => name.endsWith('.downstream_cx_active') && !ownPages.has(name))
    .reduce((sum, [, value]) => sum + Number(value), 0);
}

function callAdmin(admin: Drain['admin'], method: 'GET' | 'POST', path: string): Promise<string> {
  return new Promise((fulfil, reject) => {
    const call = request({ ...admin, method, path, agent: false, timeout: answerWithinMs }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) fulfil(body);
        else reject(new Error(`its ${path} answers ${response.statusCode}`));
      });
    });
    call.on('timeout', () => call.destroy(new Error(`its ${path} does not answer`)));
    call.on('error', reject);
    call.end();
  });
}

function say(message: string): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), msg: message })}\n`);
}
