import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** For each folder of src: the other folders that it may import. Files right under src see everything. */
const layers: Readonly<Record<string, readonly string[]>> = {
  model: [],
  cluster: ['model'],
  proto: [],
  features: ['model', 'cluster', 'proto'],
  ingress: ['model', 'cluster', 'features'],
  translate: ['model', 'proto', 'features'],
  xds: ['proto'],
  certificates: ['cluster', 'source', 'xds'],
  validation: ['model', 'cluster', 'proto'],
  translation: ['model', 'cluster', 'proto', 'features', 'ingress', 'translate', 'validation', 'xds'],
  quarantine: ['model', 'cluster', 'xds'],
  source: ['model', 'cluster'],
  status: ['model', 'cluster', 'source'],
  admin: ['model', 'cluster'],
  migration: ['model', 'cluster', 'features', 'ingress', 'translation'],
  verifier: [],
  cli: ['model', 'admin', 'migration', 'verifier'],
};

/** Files right under src that a folder may import beside its layers. */
const settings: Readonly<Record<string, readonly string[]>> = {
  certificates: ['setting.ts'],
  admin: ['setting.ts'],
  cli: ['setting.ts', 'config.ts', 'log.ts', 'control-plane.ts', 'offline.ts', 'migrate.ts'],
};

/** Packages with one home: what they do is done nowhere else. */
const packages: Readonly<Record<string, readonly string[]>> = {
  '@grpc/grpc-js': ['xds'],
  '@kubernetes/client-node': ['source'],
  pkijs: ['certificates'],
  asn1js: ['certificates'],
  'prom-client': ['admin'],
  protobufjs: ['proto', 'xds'],
  rxjs: ['source', 'cli', 'control-plane.ts', 'first-reading.ts', 'migrate.ts'],
  pino: ['log.ts'],
  'pino-pretty': ['log.ts'],
  commander: ['cli', 'main.ts'],
  chokidar: ['source'],
  bcryptjs: ['verifier'],
};

/** What must give the same for the same: no input or output, no clock, no chance. */
const pure = new Set([
  'model',
  'cluster',
  'features',
  'ingress',
  'translate',
  'validation',
  'translation',
  'migration',
  'quarantine',
]);

interface SourceFile {
  /** Relative to src. */
  readonly path: string;
  /** The folder, or the file itself when it stands right under src. */
  readonly home: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const root = join(import.meta.dirname, '../src');
const files: readonly SourceFile[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith(join('proto', 'generated')))
  .map((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target = '']) => target);
    return { path, home: homeOf(path), text, imports };
  });

function homeOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** What the layer rules say of one import; undefined when it is fine. */
function violation(file: SourceFile, target: string): string | undefined {
  if (!file.path.includes('/')) return undefined;
  const imported = normalize(join(dirname(file.path), target));
  const home = homeOf(imported);
  if (home === file.home) return undefined;
  const allowed = imported.includes('/') ? layers[file.home] : settings[file.home];
  return allowed?.includes(home) === true ? undefined : `${file.path} must not import ${imported}`;
}

describe('the architecture', () => {
  it('is checked on files that exist, in folders that have a rule', () => {
    expect(files.length).toBeGreaterThan(50);
    const folders = new Set(files.filter(({ path }) => path.includes('/')).map(({ home }) => home));
    expect([...folders].toSorted()).toEqual(Object.keys(layers).toSorted());
  });

  it('lets each layer import only the layers below it', () => {
    const found = files.flatMap((file) =>
      file.imports.filter((target) => target.startsWith('.')).flatMap((target) => violation(file, target) ?? []),
    );
    expect(found).toEqual([]);
  });

  it('keeps each package in its one place', () => {
    const found = files.flatMap((file) =>
      file.imports
        .map((target) => Object.keys(packages).find((name) => target === name || target.startsWith(`${name}/`)))
        .filter((name) => name !== undefined && packages[name]?.includes(file.home) !== true)
        .map((name) => `${file.path} must not import ${String(name)}`),
    );
    expect(found).toEqual([]);
  });

  it('reads the environment in config.ts alone', () => {
    const readers = files.filter(({ text }) => text.includes('process.env')).map(({ path }) => path);
    expect(readers).toEqual(['config.ts']);
  });

  it('keeps clock, chance and files out of what must give the same for the same', () => {
    const impure =
      /Date\.now|new Date\(\)|Math\.random|performance\.(?!md)|node:fs|node:http'|setTimeout|randomBytes|randomUUID/;
    const found = files.filter(({ home, text }) => pure.has(home) && impure.test(text)).map(({ path }) => path);
    expect(found).toEqual([]);
  });
});
