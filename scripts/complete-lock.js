/**
 * Completes package-lock.json after an `npm install` in front of a registry that does not offer packages for other platforms: npm then
 * leaves them out of the lock file, and npm 11 refuses the same file in `npm ci` ("Missing: … from lock file", npm/cli#9846). This
 * adds each with the version that its parent pins. Entries that are there stay as they are.
 *
 * Run it after changing dependencies: `node scripts/complete-lock.js`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const lockFile = join(dirname(dirname(fileURLToPath(import.meta.url))), 'package-lock.json');

/** @typedef {{ version?: string, dev?: boolean, optionalDependencies?: Record<string, string> }} LockEntry */

/** @type {{ packages: Record<string, LockEntry> }} */
const lock = JSON.parse(readFileSync(lockFile, 'utf8'));
const added = Object.entries(lock.packages).flatMap(([path, parent]) =>
  Object.entries(parent.optionalDependencies ?? {})
    .filter(([name, version]) => isMissing(path, name) && /^\d+\.\d+\.\d+/.test(version))
    .map(
      ([name, version]) => /** @type {const} */ ([`node_modules/${name}`, entry(name, version, parent.dev === true)]),
    ),
);
const packages = Object.entries({ ...lock.packages, ...Object.fromEntries(added) });
lock.packages = Object.fromEntries(packages.toSorted(([a], [b]) => a.localeCompare(b, 'en')));
if (added.length > 0) writeFileSync(lockFile, `${JSON.stringify(lock, undefined, 2)}\n`);
process.stdout.write(`added ${added.length} packages of other platforms to package-lock.json\n`);

/**
 * @param {string} parent path of the parent in the lock file
 * @param {string} name
 */
function isMissing(parent, name) {
  return (
    !Object.hasOwn(lock.packages, `node_modules/${name}`) &&
    !Object.hasOwn(lock.packages, `${parent}/node_modules/${name}`)
  );
}

/**
 * What npm needs to know that this machine is not meant. Packages of this kind are named after their platform.
 *
 * @param {string} name
 * @param {string} version
 * @param {boolean} dev
 */
function entry(name, version, dev) {
  const os = /\b(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)\b/.exec(name)?.[1];
  const cpu = /\b(arm64|arm|ia32|loong64|ppc64|riscv64|s390x|x64)\b/.exec(name)?.[1];
  const libc = /\b(musl|gnu)/.exec(name)?.[1];
  return {
    version,
    ...(cpu !== undefined && { cpu: [cpu] }),
    ...(dev && { dev }),
    ...(os === 'linux' && libc !== undefined && { libc: [libc === 'gnu' ? 'glibc' : libc] }),
    optional: true,
    ...(os !== undefined && { os: [os] }),
  };
}
