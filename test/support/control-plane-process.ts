/** `sluice serve` against a cluster, as a process on addresses that stay the same when it is started again, and what it said. */
import { freePorts } from './ports.ts';
import type { RunningProcess } from './process.ts';
import { startSluice } from './sluice.ts';

export interface Addresses {
  /** HOST:PORT. */
  readonly xds: string;
  readonly adminPort: number;
  /** What Envoys bind on 127.0.0.1. */
  readonly httpPort: number;
  readonly httpsPort: number;
}

export async function freeAddresses(): Promise<Addresses> {
  const [xds = 0, adminPort = 0, httpPort = 0, httpsPort = 0] = await freePorts(4);
  return { xds: `127.0.0.1:${xds}`, adminPort, httpPort, httpsPort };
}

/** Starts the control plane and waits until it serves, which does not mean that it has published anything. */
export async function startServe(kubeconfig: string, addresses: Addresses): Promise<RunningProcess> {
  const values = {
    kubeconfig,
    'xds-address': addresses.xds,
    'admin-address': `127.0.0.1:${addresses.adminPort}`,
    'listen-address': '127.0.0.1',
    'http-port': String(addresses.httpPort),
    'https-port': String(addresses.httpsPort),
    'log-level': 'debug',
    'log-format': 'json',
  };
  const flags = Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
  const sluice = await startSluice(['serve', ...flags]);
  await sluice.waitForOutput(/"msg":"serving"/, { within: 20_000 });
  return sluice;
}

export interface SentResponse {
  /** The last word of the type URL. */
  readonly type: string;
  readonly resources: number;
  readonly removed: number;
}

/** The responses that a control plane has sent to all clients. */
export function responsesOf(sluice: RunningProcess): readonly SentResponse[] {
  return logOf(sluice)
    .filter(({ msg }) => msg === 'xDS response sent')
    .map(({ typeUrl = '', resources = 0, removed = 0 }) => {
      return { type: typeUrl.slice(typeUrl.lastIndexOf('.') + 1), resources, removed };
    });
}

/** What it has logged as a warning or an error. */
export function warningsOf(sluice: RunningProcess): readonly string[] {
  return logOf(sluice).flatMap(({ level, msg = '' }) => (level === 'warn' || level === 'error' ? [msg] : []));
}

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly typeUrl?: string;
  readonly resources?: number;
  readonly removed?: number;
}

/** Only whole lines. */
function logOf(sluice: RunningProcess): readonly LogLine[] {
  return sluice
    .stderr()
    .split('\n')
    .slice(0, -1)
    .map((text) => {
      const line: LogLine = JSON.parse(text);
      return line;
    });
}
