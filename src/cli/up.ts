import { exhaustMap, first, interval, timer, type Subscription } from 'rxjs';
import { processEnvironment, readConfig, type Config } from '../config.ts';
import { startControlPlane, type ControlPlane } from '../control-plane.ts';
import { createLogger } from '../log.ts';
import {
  formatHostPort,
  isLoopback,
  parseHostPort,
  parsePort,
  refuse,
  Settings,
  UsageError,
  type Environment,
  type Flags,
  type HostPort,
} from '../setting.ts';
import { startVerifier } from '../verifier/server.ts';
import { renderBootstrap } from './bootstrap.ts';
import { ChangeReport } from './change-report.ts';
import { requireReadableManifests } from './file-check.ts';
import { findEnvoy } from './envoy-binary.ts';
import { startLocalEnvoy } from './local-envoy.ts';
import { packagePath } from './package-file.ts';
import { requireFreeAddresses } from './port-check.ts';
import { listenForStop } from './stop-signal.ts';

/** `sluice up`: the control plane and an Envoy on this machine, and on stdout what each edit did. */

/** Where everything is once Envoy serves. */
export interface UpAddresses {
  readonly http: HostPort;
  readonly https: HostPort;
  readonly xds: HostPort;
  readonly admin: HostPort;
  readonly envoyAdmin: HostPort;
}

export type WhenUp = (addresses: UpAddresses) => void;

export async function up(flags: Flags, environment: Environment, whenUp?: WhenUp): Promise<number> {
  const { config, envoyAdmin } = readUp(flags, environment);
  if (config.source.kind === 'directory') await requireReadableManifests(config.source.paths);
  await requireFreeAddresses(wantedAddresses(config, envoyAdmin));
  const stop = listenForStop();
  try {
    const executable = await locateEnvoy();
    if (stop.signal.aborted) return 0;
    const controlPlane = await startControlPlane(config, createLogger(config.log));
    try {
      return await runEnvoy({ config, envoyAdmin, executable, controlPlane, stopped: stop.received, whenUp });
    } finally {
      await controlPlane.stop();
    }
  } catch (error) {
    // What was interrupted may fail for that reason; that is no failure of ours.
    if (stop.signal.aborted) return 0;
    throw error;
  } finally {
    stop.release();
  }
}

function readUp(flags: Flags, environment: Environment): { readonly config: Config; readonly envoyAdmin: HostPort } {
  const settings = new Settings(flags, environment);
  const xds = settings.find('xds-address');
  if (xds !== undefined && !isLoopback(parseHostPort(xds).host)) {
    refuse(xds, 'is not a loopback address', 'sluice up serves this machine only, take sluice serve for more');
  }
  const config = readConfig(flags, environment, {
    filesOnly: true,
    listenAddress: '127.0.0.1',
    logLevel: 'warn',
    logFormat: process.stderr.isTTY ? 'pretty' : 'json',
  });
  return { config, envoyAdmin: { host: '127.0.0.1', port: settings.one('envoy-admin-port', parsePort) ?? 9901 } };
}

function wantedAddresses({ xds, admin, listen }: Config, envoyAdmin: HostPort) {
  return [
    { flag: '--http-port', host: listen.address, port: listen.httpPort },
    { flag: '--https-port', host: listen.address, port: listen.httpsPort },
    { flag: '--xds-address', host: xds.host, port: xds.port },
    { flag: '--admin-address', host: admin.host, port: admin.port },
    { flag: '--envoy-admin-port', ...envoyAdmin },
  ];
}

function locateEnvoy(): Promise<string> {
  const environment = processEnvironment();
  return findEnvoy({
    executable: environment['ENVOY'],
    path: environment['PATH'],
    directory: environment['SLUICE_TOOLS_DIR'] ?? packagePath('.tools'),
    progress: print,
  }).catch((error: unknown) => {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  });
}

interface Run {
  readonly config: Config;
  readonly envoyAdmin: HostPort;
  readonly executable: string;
  readonly controlPlane: ControlPlane;
  readonly stopped: Promise<void>;
  readonly whenUp: WhenUp | undefined;
}

/** Until the user stops it (0) or Envoy ends by itself (1). */
async function runEnvoy({ config, envoyAdmin, executable, controlPlane, stopped, whenUp }: Run): Promise<number> {
  const { xds, admin, listen } = config;
  const addresses: UpAddresses = {
    http: { host: listen.address, port: listen.httpPort },
    https: { host: listen.address, port: listen.httpsPort },
    xds: { host: xds.host, port: controlPlane.xdsPort },
    admin: { host: admin.host, port: controlPlane.adminPort },
    envoyAdmin,
  };
  const verifier = await startVerifier({ host: '127.0.0.1', port: 0 });
  const bootstrap = renderBootstrap({
    nodeId: 'local',
    cluster: 'default',
    xds: { ...addresses.xds, ...(xds.tls?.kind === 'files' && { tls: xds.tls }) },
    admin: envoyAdmin,
    verifier: { host: '127.0.0.1', port: verifier.port },
    maxHeapBytes: 2 ** 30,
  });
  const reporting = reportChanges(controlPlane);
  try {
    const envoy = await startLocalEnvoy(executable, bootstrap);
    reporting.add(announceReady(addresses, whenUp));
    const exit = await Promise.race([envoy.exited, stopped.then(() => undefined)]);
    await envoy.stop();
    if (exit === undefined) return 0;
    process.stderr.write(`sluice: Envoy ended with ${exit}; its own messages are above\n`);
    return 1;
  } finally {
    reporting.unsubscribe();
    await verifier.stop();
  }
}

/** Says where things are as soon as Envoy has its first listeners. */
function announceReady(addresses: UpAddresses, whenUp: WhenUp | undefined): Subscription {
  const ready$ = timer(0, 100).pipe(
    exhaustMap(() => isAnswering(`http://${formatHostPort(addresses.envoyAdmin)}/ready`)),
    first((ready) => ready),
  );
  return ready$.subscribe(() => {
    print(
      `Envoy serves http://${formatHostPort(addresses.http)}, and with TLS https://${formatHostPort(addresses.https)}`,
    );
    print(`Envoy's admin interface is http://${formatHostPort(addresses.envoyAdmin)}`);
    print(`Sluice's debug pages are http://${formatHostPort(addresses.admin)}/debug/problems and beside it`);
    print(`xDS is on ${formatHostPort(addresses.xds)}`);
    whenUp?.(addresses);
  });
}

async function isAnswering(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.text();
    return response.ok;
  } catch {
    // Nothing listens there yet.
    return false;
  }
}

/** Prints what is published, and the problems, which can change without a publication. */
function reportChanges({ published$, view }: ControlPlane): Subscription {
  const report = new ChangeReport();
  const reporting = published$.subscribe(({ changed, removed }) => {
    report.resources(changed, removed).forEach(print);
  });
  reporting.add(interval(100).subscribe(() => report.problems(view.problems()).forEach(print)));
  return reporting;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
