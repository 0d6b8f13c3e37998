import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { readConfig } from '../../src/config.ts';
import { startControlPlane } from '../../src/control-plane.ts';
import type { ControlPlane } from '../../src/control-plane.ts';
import { eventually } from '../support/eventually.ts';

let folder: string;
let controlPlane: ControlPlane | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-restart-'));
});

afterEach(async () => {
  await controlPlane?.stop();
  await rm(folder, { recursive: true });
});

const manifests = (path: string, port = '80'): string => `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: sluice }
spec: { controller: sluice.dev/ingress-controller }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec:
  ingressClassName: sluice
  rules:
    - host: shop.test
      http:
        paths:
          - path: ${path}
            pathType: Prefix
            backend: { service: { name: web, port: { number: ${port} } } }
`;

async function start(): Promise<ControlPlane> {
  await controlPlane?.stop();
  const addresses = { xdsAddress: '127.0.0.1:0', adminAddress: '127.0.0.1:0' };
  const traits = { filesOnly: true, listenAddress: '127.0.0.1', logLevel: 'info', logFormat: 'json' } as const;
  const flags = { dir: [join(folder, 'a.yaml')], lastGood: join(folder, 'kept'), ...addresses };
  controlPlane = await startControlPlane(readConfig(flags, {}, traits), pino({ level: 'silent' }));
  const { view } = controlPlane;
  await eventually(() => expect(view.readiness().ready).toBe(true));
  return controlPlane;
}

const versionOf = ({ view }: ControlPlane): string | undefined =>
  view.resources().find(({ name }) => name === 'http/shop.test')?.version;
const reasonsOf = ({ view }: ControlPlane): readonly string[] =>
  view
    .problems()
    .filter(({ severity }) => severity === 'error')
    .map(({ reason }) => reason);

it.each([
  ['a path that nobody can ask for', manifests('shop'), 'InvalidPath', 1],
  ['a port that is no number', manifests('/shop', '"http"'), 'InvalidObject', 0],
  ['a document that is no YAML', manifests('[/shop'), 'InvalidYaml', 0],
])(
  'a manifest file that gets %s: what it was is served until it is mended, also by the next run with the folder of --last-good',
  async (_what, text, reason, held) => {
    await writeFile(join(folder, 'a.yaml'), manifests('/shop'));
    const first = await start();
    const good = versionOf(first);
    expect(good).toBeDefined();
    await writeFile(join(folder, 'a.yaml'), text);
    await eventually(() => expect(reasonsOf(first)).toContain(reason));
    expect(versionOf(first)).toBe(good);
    expect(first.view.quarantine().objects).toBe(held);
    const second = await start();
    expect(reasonsOf(second)).toContain(reason);
    expect(versionOf(second)).toBe(good);
    expect(second.view.quarantine().objects).toBe(held);
    await writeFile(join(folder, 'a.yaml'), manifests('/basket'));
    await eventually(() => expect(reasonsOf(second)).not.toContain(reason));
    expect(versionOf(second)).not.toBe(good);
    const third = await start();
    expect(versionOf(third)).not.toBe(good);
    await third.stop();
    await rm(join(folder, 'kept'), { recursive: true });
    await writeFile(join(folder, 'a.yaml'), text);
    expect(versionOf(await start())).not.toBe(good);
  },
);
