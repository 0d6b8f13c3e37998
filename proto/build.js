/**
 * Turns the roots and our additions into the generated files of src/proto: the bundle the registry loads, the TypeScript
 * interfaces, and the descriptors gRPC reflection serves. Does nothing when the outputs already match the inputs.
 *
 *   node proto/build.js                          build into src/proto/generated
 *   node proto/build.js --copy-to dist           copy what is needed at run time to dist/proto/generated
 *   node proto/build.js --additions A --out B    build with another additions folder into another folder
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleOf } from './bundle.js';
import { fileDescriptorSet } from './descriptors.js';
import { mergeAdditions } from './additions.js';
import { loadRoots, reachable } from './tree.js';
import { interfacesOf } from './interfaces.js';

const here = dirname(fileURLToPath(import.meta.url));
const runtimeFiles = ['bundle.json', 'descriptors.binpb'];

const { values: options } = parseArgs({
  options: { 'copy-to': { type: 'string' }, additions: { type: 'string' }, out: { type: 'string' } },
});
const additions = options.additions ?? join(here, 'additions');
const out = options.out ?? join(here, '../src/proto/generated');

if (options['copy-to'] === undefined) build();
else copy(join(options['copy-to'], 'proto/generated'));

/** @param {string} target */
function copy(target) {
  mkdirSync(target, { recursive: true });
  for (const file of runtimeFiles) copyFileSync(join(out, file), join(target, file));
}

function build() {
  const inputs = hashOfInputs();
  const stamp = join(out, 'inputs.sha256');
  const complete = [...runtimeFiles, 'messages.ts'].every((file) => existsSync(join(out, file)));
  if (complete && existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) return;

  const names = Object.values(JSON.parse(readFileSync(join(here, 'roots.json'), 'utf8'))).flat();
  const tree = loadRoots(names);
  mergeAdditions(tree, additions);
  const declarations = reachable(tree, names);

  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'descriptors.binpb'), fileDescriptorSet(declarations));
  writeFileSync(join(out, 'messages.ts'), interfacesOf(declarations));
  writeFileSync(join(out, 'bundle.json'), JSON.stringify(bundleOf(declarations)));
  writeFileSync(stamp, inputs);
}

/** The upstream files are named by their package's version, our own by their content. */
function hashOfInputs() {
  const hash = createHash('sha256');
  for (const name of ['@grpc/grpc-js-xds', 'protobufjs']) {
    const { version } = JSON.parse(readFileSync(join(here, '../node_modules', name, 'package.json'), 'utf8'));
    hash.update(`${name} ${version}\n`);
  }
  for (const folder of [here, additions]) {
    for (const file of readdirSync(folder, { recursive: true, withFileTypes: true }).toSorted(byPath)) {
      if (!file.isFile()) continue;
      hash.update(`${file.name}\n`);
      hash.update(readFileSync(join(file.parentPath, file.name)));
    }
  }
  return hash.digest('hex');
}

/**
 * @param {import('node:fs').Dirent} a
 * @param {import('node:fs').Dirent} b
 */
function byPath(a, b) {
  return join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1;
}
