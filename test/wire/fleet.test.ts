/** A thousand Envoys on one control plane: they all get everything and each change, and it stays small. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { startProcess } from '../support/process.ts';
import type { RunningProcess } from '../support/process.ts';
import { startSluice } from '../support/sluice.ts';

const clients = 1_000;
const hosts = 200;
const limitMegabytes = 400;
const support = join(import.meta.dirname, '..', 'support');
const started: RunningProcess[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-fleet-'));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.stop()));
  await rm(folder, { recursive: true });
});

/** A host with a service of its own and two endpoints. */
function manifest(index: number, path = '/'): string {
  const meta = (name: string): string => `metadata: { namespace: default, name: ${name} }`;
  const slice = `metadata: { namespace: default, name: web-${index}, labels: { kubernetes.io/service-name: web-${index} } }`;
  const backend = `{ service: { name: web-${index}, port: { number: 80 } } }`;
  return `---
apiVersion: networking.k8s.io/v1
kind: Ingress
${meta(`web-${index}`)}
spec:
  ingressClassName: sluice
  rules:
    - host: host-${index}.test
      http: { paths: [{ path: ${path}, pathType: Prefix, backend: ${backend} }] }
---
apiVersion: v1
kind: Service
${meta(`web-${index}`)}
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
${slice}
addressType: IPv4
endpoints: [{ addresses: [10.0.0.1] }, { addresses: [10.0.0.2] }]
ports: [{ name: http, port: 8080 }]
`;
}

const ingressClass = `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: sluice }
spec: { controller: sluice.dev/ingress-controller }
`;

/** The most memory that a process has ever had; 0 where the system does not tell. */
async function peakMegabytes(pid: number): Promise<number> {
  if (process.platform !== 'linux') return 0;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}

/** How many responses there were in all, and how many of these were encoded, as the metrics have it. */
async function responses(adminPort: string): Promise<{ readonly sent: number; readonly encoded: number }> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
  return { sent: sum('sluice_xds_responses_total'), encoded: sum('sluice_xds_responses_encoded_total') };
}

it(`brings ${clients} clients up with ${hosts} hosts, and a change to all of them, within ${limitMegabytes} MB`, async () => {
  const rest = Array.from({ length: hosts - 1 }, (_, index) => manifest(index + 1));
  await writeFile(join(folder, 'all.yaml'), [ingressClass, ...rest].join(''));
  await writeFile(join(folder, 'one.yaml'), manifest(0));
  const free = ['--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0'];
  const sluice = await startSluice(['serve', '--dir', folder, '--xds-insecure', '--log-format', 'json', ...free]);
  started.push(sluice);
  const [, port = ''] = await sluice.waitForOutput(/"xds":"127\.0\.0\.1:(\d+)"/);
  const [, adminPort = ''] = await sluice.waitForOutput(/"admin":"127\.0\.0\.1:(\d+)"/);
  await sluice.waitForOutput(/"published"/);

  const script = ['--import', join(support, 'typescript-loader.js'), join(support, 'fleet.ts')];
  const target = [port, String(clients), String(hosts), 'http/host-0.test'];
  const fleet = await startProcess(process.execPath, [...script, ...target]);
  started.push(fleet);
  await fleet.waitForOutput(/snapshot/, { within: 40_000 });
  await writeFile(join(folder, 'one.yaml'), manifest(0, '/changed'));
  await fleet.waitForOutput(/change/, { within: 20_000 });

  expect(fleet.stderr()).toBe('');
  expect(await peakMegabytes(sluice.pid)).toBeLessThan(limitMegabytes);
  const { sent, encoded } = await responses(adminPort);
  expect(sent).toBeGreaterThanOrEqual(6 * clients);
  // The clients are not all at the same place at the same time, but nearly all get bytes that another one was sent.
  expect(encoded).toBeLessThan(sent / 10);
}, 60_000);
