/** A real Envoy for a test: started from a bootstrap, watched through its admin interface, and ended by the process id it got. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, eventuallyPresent, type Patience } from './eventually.ts';
import { describeExit, type Exit, startProcess, tail } from './process.ts';
import { envoyBinary } from './tools.ts';

export interface EnvoyOptions {
  /** The bootstrap in YAML or JSON. Its admin address is replaced by a free loopback port. */
  readonly bootstrap: string;
  /** `warning` when left out. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'critical';
  /** For example `upstream:debug,config:trace`. */
  readonly componentLogLevel?: string;
  /** Worker threads; 1 when left out. */
  readonly concurrency?: number;
  /** Laid over the bootstrap by Envoy itself, as what is given with `--config-yaml`. */
  readonly overlay?: object;
  /** More of its flags. */
  readonly flags?: readonly string[];
  /** For how long what is drained may stay open; Envoy's 600 s when left out. */
  readonly drainSeconds?: number;
  /** Set to false to get an Envoy that is still waiting for its configuration; `ready()` waits for the rest. */
  readonly waitUntilReady?: boolean;
}

export interface RunningEnvoy {
  readonly pid: number;
  readonly adminPort: number;
  /** The body of an admin page, such as `/stats?filter=cds`. Throws on any status but 200. */
  admin(path: string, method?: 'GET' | 'POST'): Promise<string>;
  /** The JSON of an admin page. */
  adminJson(path: string): Promise<unknown>;
  /** `/config_dump` with the endpoints, which Envoy leaves out unless asked. */
  configDump(): Promise<unknown>;
  /** The value of a counter or gauge; undefined while Envoy does not know it. */
  stat(name: string): Promise<number | undefined>;
  /** The TCP port the listener of that name got; waits until the listener is there. */
  listenerPort(name: string, patience?: Patience): Promise<number>;
  /** Waits until Envoy says LIVE: the first configuration is complete and the listeners are open. */
  ready(patience?: Patience): Promise<void>;
  readonly logs: () => string;
  readonly isRunning: () => boolean;
  readonly exited: Promise<Exit>;
  stop(): Promise<void>;
  /** Ends it with SIGKILL, as a crash would. */
  kill9(): Promise<void>;
}

/** Starts Envoy. Throws with its log when it ends instead of getting ready. */
export async function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-envoy-'));
  const bootstrapFile = join(directory, 'bootstrap.yaml');
  const adminFile = join(directory, 'admin');
  await writeFile(bootstrapFile, options.bootstrap);
  const child = await startProcess(envoyBinary(), argumentsOf(options, bootstrapFile, adminFile));
  const over = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true });
  };

  const whileRunning = async <T>(
    what: string,
    probe: () => Promise<T | undefined>,
    patience?: Patience,
  ): Promise<T> => {
    const found = await eventuallyPresent<T | typeof ended>(
      what,
      () => (child.isRunning() ? probe() : ended),
      patience,
    ).catch((error: unknown) => {
      throw new Error(
        `${error instanceof Error ? error.message : String(error)}. Envoy's log:\n${tail(child.output())}`,
      );
    });
    if (found !== ended) return found;
    throw new Error(`Envoy ended (${describeExit(await child.exited)}). Its log:\n${tail(child.output())}`);
  };

  const stop = async (): Promise<void> => {
    await child.stop();
    await over();
  };
  try {
    const adminPort = await whileRunning('admin address', () => portIn(adminFile));
    const envoy: RunningEnvoy = {
      pid: child.pid,
      adminPort,
      ...adminOf(adminPort),
      ready: (patience) => whileRunning('LIVE on /ready', () => isLive(adminPort), patience).then(() => undefined),
      logs: child.output,
      isRunning: child.isRunning,
      exited: child.exited,
      stop,
      async kill9() {
        child.signal('SIGKILL');
        await child.exited;
        await over();
      },
    };
    if (options.waitUntilReady !== false) await envoy.ready();
    return envoy;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Found instead of what was waited for. */
const ended = Symbol('Envoy ended');

const anyLoopbackPort = { address: '127.0.0.1', port_value: 0 };

/** Hot restart is off: it would need a base id per Envoy and shared memory, and no test hands over to a second process. */
function argumentsOf(options: EnvoyOptions, bootstrapFile: string, adminFile: string): readonly string[] {
  const values = {
    'config-path': bootstrapFile,
    'config-yaml': JSON.stringify({ ...options.overlay, admin: { address: { socket_address: anyLoopbackPort } } }),
    'admin-address-path': adminFile,
    concurrency: String(options.concurrency ?? 1),
    'log-level': options.logLevel ?? 'warning',
    ...(options.drainSeconds !== undefined && { 'drain-time-s': String(options.drainSeconds) }),
    ...(options.componentLogLevel !== undefined && { 'component-log-level': options.componentLogLevel }),
  };
  return [
    '--disable-hot-restart',
    ...Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]),
    ...(options.flags ?? []),
  ];
}

function adminOf(port: number): Pick<RunningEnvoy, 'admin' | 'adminJson' | 'configDump' | 'stat' | 'listenerPort'> {
  const admin: RunningEnvoy['admin'] = async (path, method = 'GET') => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    const body = await answer.text();
    if (answer.status !== 200) throw new Error(`Envoy's ${path} answered ${answer.status}: ${body}`);
    return body;
  };
  const adminJson = async (path: string): Promise<unknown> => JSON.parse(await admin(path));
  return {
    admin,
    adminJson,
    configDump: () => adminJson('/config_dump?include_eds'),
    async stat(name) {
      const lines = (await admin('/stats')).split('\n');
      const line = lines.find((each) => each.startsWith(`${name}: `));
      return line === undefined ? undefined : Number(line.slice(name.length + 2));
    },
    listenerPort: (name, patience) =>
      eventually(async () => {
        const lines = (await admin('/listeners')).split('\n');
        const line = lines.find((each) => each.startsWith(`${name}::`));
        if (line === undefined) throw new Error(`Envoy has no listener ${name}`);
        return Number(line.slice(line.lastIndexOf(':') + 1));
      }, patience),
  };
}

async function portIn(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const port = Number(text.trim().split(':').at(-1));
  return port > 0 ? port : undefined;
}

async function isLive(port: number): Promise<true | undefined> {
  const answer = await fetch(`http://127.0.0.1:${port}/ready`);
  const body = await answer.text();
  return body.trim() === 'LIVE' ? true : undefined;
}
