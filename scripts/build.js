/**
 * `npm run build`: src and the packages that it uses as a few files in dist, so that a start reads these instead of a thousand modules.
 * What is imported only when it is needed is a file of its own.
 *
 *   node scripts/build.js            into dist
 *   node scripts/build.js --out DIR  into another folder; it finds package.json and envoy/ beside that
 */
import { build } from 'esbuild';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src');
const { values: options } = parseArgs({ options: { out: { type: 'string' } } });
const target = resolve(options.out ?? join(root, 'dist'));

rmSync(target, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  // src/cli/program.ts is what scripts/start.js runs.
  entryPoints: [join(source, 'main.ts'), join(source, 'cli/program.ts')],
  // All in one folder, which `inPlace` relies on.
  entryNames: '[name]',
  chunkNames: '[name]-[hash]',
  outdir: target,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  metafile: true,
  legalComments: 'none',
  // Packages in CommonJS ask for Node's own modules by `require`, which ES modules do not have.
  banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  plugins: [inPlace(), leanClientNode()],
});
writeFileSync(join(target, 'licenses.txt'), licensesOf(Object.keys(metafile.inputs)));

/**
 * Files of src that read others beside them find these as if dist had the folders of src.
 *
 * @returns {import('esbuild').Plugin}
 */
function inPlace() {
  return {
    name: 'in-place',
    setup(bundler) {
      bundler.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (!path.startsWith(source)) return undefined;
        const url = `new URL(${JSON.stringify(relative(source, path))}, import.meta.url)`;
        return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url), loader: 'ts' };
      });
    },
  };
}

/**
 * Of client-node only the reading of kubeconfigs is used. Its index has a module for each of 700 types of the API, which take half a
 * second to load; and it does not say that what is not used may be left out.
 *
 * @returns {import('esbuild').Plugin}
 */
function leanClientNode() {
  const folder = join(root, 'node_modules/@kubernetes/client-node/dist');
  return {
    name: 'lean-client-node',
    setup(bundler) {
      bundler.onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({
        path: join(folder, 'config.js'),
        sideEffects: false,
      }));
      bundler.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) =>
        resolveDir.startsWith(folder) ? { path: join(resolveDir, path), sideEffects: false } : undefined,
      );
    },
  };
}

/**
 * The licences of the packages of which something is in dist.
 *
 * @param {readonly string[]} inputs paths below the root
 * @returns {string}
 */
function licensesOf(inputs) {
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []));
  return [...folders]
    .toSorted()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const files = readdirSync(join(root, folder)).filter((file) => /^(licen[cs]e|notice)/i.test(file));
      const texts = files.map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
      return [`${name} ${version} (${license})`, ...texts].join('\n\n');
    })
    .join('\n\n----------------------------------------\n\n');
}
