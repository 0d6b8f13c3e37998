/** What a newcomer does first: `sluice up` on the quickstart manifests, requests, edits, and Ctrl-C. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type Backend, startBackend } from '../support/backend.ts';
import { eventually, eventuallyPresent } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { freePorts } from '../support/ports.ts';
import { type RunningProcess, runProcess } from '../support/process.ts';
import { startSluice } from '../support/sluice.ts';
import { describeWithEnvoy, envoyBinary } from '../support/tools.ts';

const quickstart = resolve(import.meta.dirname, '..', '..', 'manifests', 'quickstart');

describeWithEnvoy('the quickstart', () => {
  let folder = '';
  let manifests = '';
  let httpPort = 0;
  let backends: readonly Backend[] = [];
  let sluice: RunningProcess;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-quickstart-'));
    manifests = join(folder, 'manifests');
    await mkdir(join(folder, 'temporary'));
    await cp(quickstart, manifests, { recursive: true });
    backends = await Promise.all(['web-1', 'web-2', 'api-1'].map((name) => startBackend({ name })));
    const ports = backends.map(({ port }) => String(port));
    for (const file of await readdir(manifests)) {
      await edit(file, (text) => text.replaceAll(/1910([123])/g, (_, digit) => ports[Number(digit) - 1] ?? ''));
    }
    const [http = 0, https = 0, xds = 0, admin = 0, envoyAdmin = 0] = await freePorts(5);
    httpPort = http;
    const flags = {
      '--dir': manifests,
      '--http-port': String(http),
      '--https-port': String(https),
      '--xds-address': `127.0.0.1:${xds}`,
      '--admin-address': `127.0.0.1:${admin}`,
      '--envoy-admin-port': String(envoyAdmin),
    };
    sluice = await startSluice(['up', ...Object.entries(flags).flat()], {
      env: { ENVOY: envoyBinary(), TMPDIR: join(folder, 'temporary') },
    });
    await sluice.waitForOutput(/Envoy serves/);
  });

  afterEach(async () => {
    await sluice.stop();
    await Promise.all(backends.map((backend) => backend.close()));
    await rm(folder, { recursive: true, force: true });
  });

  async function edit(file: string, change: (text: string) => string): Promise<void> {
    const path = join(manifests, file);
    await writeFile(path, change(await readFile(path, 'utf8')));
  }

  /** The backend that answers, or the status where none does. */
  async function ask(host: string, path = '/'): Promise<string | number> {
    const { status, body } = await httpRequest({ port: httpPort, host, path });
    return status === 200 ? (/"backend":"([a-z]+)-/.exec(body)?.[1] ?? body) : status;
  }

  it('answers the requests that it tells to try', async () => {
    expect(await ask('web.localhost')).toBe('web');
    expect(await ask(`web.localhost:${httpPort}`, '/any/thing')).toBe('web');
    expect(await ask('api.localhost', '/status')).toBe('api');
    expect(await ask('api.localhost', '/v1/items')).toBe('api');
    expect(await ask('pr-1.preview.localhost')).toBe('web');
    expect(await ask('api.localhost', '/status/x')).toBe(404);
    expect(await ask('api.localhost', '/v10')).toBe(404);
    expect(await ask('a.b.preview.localhost')).toBe(404);
    expect(await ask('unknown.localhost')).toBe(404);
  });

  it('shares the requests among the endpoints', async () => {
    await eventually(async () => {
      await ask('web.localhost');
      expect(backends.slice(0, 2).every((backend) => backend.requestCount() > 0)).toBe(true);
    });
  });

  it('makes an edit live and says what it did', async () => {
    await edit('web.yaml', (text) => text.replace('host: web.localhost', 'host: shop.localhost'));
    await sluice.waitForOutput(/^\+ VirtualHost http\/shop\.localhost$/m);
    await sluice.waitForOutput(/^- VirtualHost http\/web\.localhost$/m);
    await eventually(async () => {
      expect([await ask('shop.localhost'), await ask('web.localhost')]).toEqual(['web', 404]);
    });
  });

  it('reports a broken edit and goes on serving what the file said before', async () => {
    await edit('web.yaml', (text) => text.replace('kind: Ingress', 'kind: [Ingress'));
    await sluice.waitForOutput(/^! error InvalidYaml in File .*web\.yaml/m);
    expect(await ask('web.localhost')).toBe('web');
    await edit('web.yaml', (text) => text.replace('kind: [Ingress', 'kind: Ingress'));
    await sluice.waitForOutput(/^solved: error InvalidYaml in File .*web\.yaml/m);
    expect(await ask('web.localhost')).toBe('web');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('leaves neither process nor file behind on %s', async (signal) => {
    const envoy = await envoyOf(sluice);
    sluice.signal(signal);
    expect(await sluice.exited).toEqual({ code: 0, signal: undefined });
    expect(isAlive(envoy)).toBe(false);
    expect(await readdir(join(folder, 'temporary'))).toEqual([]);
  });

  it('takes the two signals that one Ctrl-C under npm sends for one', async () => {
    sluice.signal('SIGINT');
    sluice.signal('SIGINT');
    expect(await sluice.exited).toEqual({ code: 0, signal: undefined });
  });

  it('says so and ends when Envoy dies', async () => {
    process.kill(await envoyOf(sluice), 'SIGKILL');
    expect(await sluice.exited).toEqual({ code: 1, signal: undefined });
    expect(sluice.stderr()).toContain('sluice: Envoy ended with signal SIGKILL; its own messages are above\n');
  });

  it('names the flag when a port is taken', async () => {
    const second = await startSluice(['up', '--dir', manifests, '--http-port', String(httpPort)]);
    expect(await second.exited).toEqual({ code: 2, signal: undefined });
    expect(second.stderr()).toMatch(
      new RegExp(
        `^sluice: --http-port: 127\\.0\\.0\\.1:${httpPort} is in use by another process: .* with --http-port\n$`,
      ),
    );
  });
});

/** The process that the command started. */
function envoyOf(parent: RunningProcess): Promise<number> {
  return eventuallyPresent('child process', async () => {
    const { stdout } = await runProcess('ps', ['-A', '-o', 'pid=,ppid=,comm=']);
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
    const row = rows.find(([, ppid, command = '']) => ppid === String(parent.pid) && command.includes('envoy'));
    return row && Number(row[0]);
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
