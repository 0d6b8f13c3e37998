/** What the manifests repeat from elsewhere is the same there; test/kube/manifests.test.ts applies them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readBootstrap, renderBootstrap, renderBootstrapFiles } from '../src/cli/bootstrap.ts';
import { readDrain } from '../src/cli/drain.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

function readFolder(path: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(join(root, path)).map((name) => [name, read(join(path, name))]));
}

const bootstrapFiles = renderBootstrapFiles(
  readBootstrap({
    xdsAddress: 'sluice-xds:18000',
    nodeId: 'envoy',
    cluster: 'sluice',
    adminSocket: '/run/sluice/admin.sock',
    verifierSocket: '/run/sluice/verify.sock',
    statusPort: '8002',
    maxHeapBytes: '966367641',
    xdsTlsCert: '/etc/sluice/xds/tls.crt',
    xdsTlsKey: '/etc/sluice/xds/tls.key',
    xdsTlsCa: '/etc/sluice/xds/ca.crt',
    outputDirectory: 'manifests/base/envoy/files',
    mountedAt: '/etc/sluice/envoy',
  }),
);

interface ParsedBootstrap {
  readonly node: { readonly locality?: object };
  readonly cluster_manager: { readonly local_cluster_name?: string };
  readonly static_resources: { readonly clusters: readonly unknown[] };
}

function parseBootstrap(flags: Parameters<typeof readBootstrap>[0]): ParsedBootstrap {
  return parse(renderBootstrap(readBootstrap(flags)));
}

describe('the manifests', () => {
  it.each(['manifests/base/envoy/files', 'manifests/charts/sluice/files'])(
    'have in %s what `sluice bootstrap` writes',
    (folder) => {
      const parsed = (files: Readonly<Record<string, string>>) =>
        Object.fromEntries(Object.entries(files).map(([name, text]): [string, unknown] => [name, parse(text)]));
      expect(parsed(readFolder(folder))).toEqual(parsed(bootstrapFiles));
    },
  );

  it('have the version of the package', () => {
    const { version }: { version: string } = JSON.parse(read('package.json'));
    expect(parse(read('manifests/charts/sluice/Chart.yaml'))).toMatchObject({ version, appVersion: version });
    expect(read('manifests/base/kustomization.yaml')).toContain(`newTag: ${version}\n`);
  });

  it.each(['manifests/base/envoy/deployment.yaml', 'manifests/charts/sluice/templates/envoy.yaml'])(
    'tell in %s an Envoy its zone as `sluice bootstrap --zone` does',
    (path) => {
      const [, folded = ''] = /- --config-yaml\n +- >-\n([^]*?)\n +- --/.exec(read(path)) ?? [];
      const added: unknown = parse(folded.replaceAll(/\n */g, ' ').replaceAll('$(ZONE)', 'zone-1'));
      const flags = { xdsAddress: 'sluice-xds:18000', nodeId: 'envoy' };
      const { static_resources: whole, ...rest } = parseBootstrap(flags);
      const zoned = parseBootstrap({ ...flags, zone: 'zone-1' });
      expect(zoned).toMatchObject({ node: { locality: { zone: 'zone-1' } } });
      expect(added).toEqual({
        node: { locality: zoned.node.locality },
        cluster_manager: { local_cluster_name: zoned.cluster_manager.local_cluster_name },
        static_resources: { clusters: zoned.static_resources.clusters.slice(whole.clusters.length) },
      });
      expect(rest.node).not.toHaveProperty('locality');
    },
  );

  it('leave Envoy time to drain before it is killed', () => {
    const deployment: unknown = parse(read('manifests/base/envoy/deployment.yaml'));
    const { maxMs } = readDrain({ max: /--max=(\d+s)/.exec(JSON.stringify(deployment))?.[1] });
    expect(deployment).toMatchObject({ spec: { template: { spec: { terminationGracePeriodSeconds: 75 } } } });
    expect(maxMs).toBeLessThan(75_000);
  });
});

describe('the Dockerfile', () => {
  it('copies only what is there and what is not ignored', () => {
    const ignored = read('.dockerignore').split('\n');
    const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources = '']) =>
      sources.split(' '),
    );
    expect(copied.length).toBeGreaterThan(5);
    expect(copied.filter((source) => !existsSync(join(root, source)))).toEqual([]);
    expect(copied.filter((source) => !ignored.includes(`!${source}`))).toEqual([]);
  });

  it('ends in an image without a shell, as a user who is not root', () => {
    const last = read('Dockerfile').slice(read('Dockerfile').lastIndexOf('\nFROM '));
    expect(last).toMatch(/^\nFROM gcr\.io\/distroless\/nodejs\d+-debian\d+:nonroot\n/);
    expect(last).toMatch(/^USER 65532:65532$/m);
    expect(last).not.toMatch(/^RUN /m);
  });
});
