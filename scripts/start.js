/**
 * `npm start`: from a fresh clone to an answered request. Installs, builds, starts demo backends, the control plane and an Envoy on
 * manifests/quickstart, and prints what to try. `npm start -- --dir PATH` serves other manifests, without the demo backends; every
 * flag of `sluice up` can follow.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDemoBackends } from './demo-backends.js';
import { installDependencies } from './dependencies.js';
import { makeThrowawayCertificate } from './throwaway-certificate.js';

/** @typedef {{ host: string, port: number }} HostPort */
/** @typedef {{ http: HostPort, https: HostPort, xds: HostPort, admin: HostPort }} Addresses */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, '.cache', 'quickstart');
const certificateFile = join(cache, 'certificate.pem');

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}

/**
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
async function main(args) {
  installDependencies(root, say);
  buildWhenStale();
  const { run } = await import('../dist/program.js');
  const start = (/** @type {readonly string[]} */ flags, /** @type {(addresses: Addresses) => void} */ whenReady) =>
    run(['up', ...flags], process.env, whenReady);

  if (args.some((arg) => arg === '--dir' || arg.startsWith('--dir=') || arg === '--help' || arg === '-h')) {
    return start(args, printDebugging);
  }
  const stopBackends = await startDemoBackends();
  try {
    const folders = ['--dir', join(root, 'manifests', 'quickstart'), '--dir', writeSecureHost()];
    return await start([...folders, ...args], (addresses) => {
      printRequests(addresses);
      printDebugging(addresses);
    });
  } finally {
    stopBackends();
    rmSync(cache, { recursive: true, force: true });
  }
}

/** Builds unless a finished build is newer than everything that it is made from. */
function buildWhenStale() {
  const stamp = join(root, 'dist', '.built');
  const inputs = ['src', 'proto', 'package.json', 'package-lock.json', 'tsconfig.json', 'scripts/build.js'];
  const newest = Math.max(...inputs.map((input) => newestChange(join(root, input))));
  if (existsSync(stamp) && statSync(stamp).mtimeMs > newest) return;
  say('building (npm run build; a few seconds)');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  writeFileSync(stamp, '');
}

/**
 * Folders count themselves: their time changes when a file is removed. What the build generates does not count.
 *
 * @param {string} path
 * @returns {number}
 */
function newestChange(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  const names = readdirSync(path).filter((name) => name !== 'generated');
  return Math.max(stats.mtimeMs, ...names.map((name) => newestChange(join(path, name))));
}

/**
 * A host with TLS. Not among the manifests, because its private key is made now.
 *
 * @returns {string} the folder to serve beside manifests/quickstart
 */
function writeSecureHost() {
  const { certificate, privateKey } = makeThrowawayCertificate('secure.localhost');
  const folder = join(cache, 'manifests');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(certificateFile, certificate);
  const metadata = { namespace: 'default', name: 'secure' };
  const backend = { service: { name: 'web', port: { name: 'http' } } };
  const objects = [
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata,
      spec: {
        ingressClassName: 'sluice',
        tls: [{ hosts: ['secure.localhost'], secretName: 'secure' }],
        rules: [{ host: 'secure.localhost', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': base64(certificate), 'tls.key': base64(privateKey) },
    },
  ];
  // JSON is YAML.
  const documents = objects.map((object) => JSON.stringify(object, undefined, 2));
  writeFileSync(join(folder, 'secure.yaml'), documents.join('\n---\n'), { mode: 0o600 });
  return folder;
}

/** @param {string} text */
function base64(text) {
  return Buffer.from(text).toString('base64');
}

/** @param {Addresses} addresses */
function printRequests({ http, https }) {
  const plain = `http://${reachable(http)}`;
  const resolve = `secure.localhost:${https.port}:${reachableHost(https)}`;
  say(`
Requests to try, in another terminal:
  curl -H 'Host: web.localhost' ${plain}/
  curl -H 'Host: api.localhost' ${plain}/v1/items
  curl -H 'Host: api.localhost' ${plain}/status
  curl -H 'Host: pr-1.preview.localhost' ${plain}/
  curl --cacert '${certificateFile}' --resolve ${resolve} https://secure.localhost:${https.port}/

Edit manifests/quickstart/web.yaml while this runs, for example its host or its path: the change is live when you save, and this
terminal says what it did. A file that is broken is reported here, and what it said before keeps being served.`);
}

/** @param {Addresses} addresses */
function printDebugging({ xds, admin }) {
  const server = reachable(xds);
  say(`
To see what Envoy was told (go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest):
  grpcurl -plaintext ${server} list
  grpcurl -plaintext ${server} envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus
  curl http://${reachable(admin)}/debug/resources

docs/debugging.md has more. Ctrl-C ends everything.
`);
}

/** @param {HostPort} address */
function reachable(address) {
  const host = reachableHost(address);
  return host.includes(':') ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/** @param {HostPort} address what listens everywhere is found on loopback */
function reachableHost({ host }) {
  return { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
}

// A reader that has seen enough (`npm start -- --help | head`) is no failure.
process.stdout.on('error', (error) => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 1));

/**
 * `npm start` is npm, a shell, and this. Who ends npm alone by its pid wants everything to end, but nobody tells us: so we look whether
 * those that started us are still there.
 */
function endWithParents() {
  const parents = [process.ppid, parentOf(process.ppid)].filter((pid) => pid > 1);
  if (process.env['npm_lifecycle_event'] !== 'start') return;
  const timer = setInterval(() => {
    if (process.ppid === parents[0] && parents.every(isRunning)) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  timer.unref();
}

/**
 * @param {number} pid
 * @returns {number} 0 where there is no /proc, or no shell between npm and us
 */
function parentOf(pid) {
  try {
    const [, name = '', parent = ''] = /^\d+ \((.*)\) \S+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return /^(sh|bash|dash|ash|busybox)$/.test(name) ? Number(parent) : 0;
  } catch {
    return 0;
  }
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

endWithParents();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`npm start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
