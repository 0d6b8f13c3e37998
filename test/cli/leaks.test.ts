/**
 * Secrets, good and broken in every way, pass through a control plane that logs all it can: none of what is secret in them stands in
 * a line of the log, a metric, a problem (whose text is that of the Events), or a debug page.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { certificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import type { RunningProcess } from '../support/process.ts';
import { startSluice } from '../support/sluice.ts';

const prefix = 'nginx.ingress.kubernetes.io';
const good = certificate({ names: ['good.test'] });
const other = certificate({ names: ['other.test'] });

/** Lines of a key, which show in whatever form it is quoted. */
function linesOf(pem: string): readonly string[] {
  return pem.split('\n').filter((line) => line.length > 30 && !line.startsWith('-----'));
}

const markers = [
  'htpasswd-hash-marker',
  'token-marker-0123456789',
  'opaque-marker-0123456789',
  'broken-marker-0123456789',
  'yaml-marker-0123456789',
  'annotation-marker-0123456789',
];
const secrets = [...markers, ...linesOf(good.key), ...linesOf(other.key)];

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const secret = (name: string, type: string, data: Readonly<Record<string, string>>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'default' },
  type,
  data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)])),
});
const tls = (name: string, data: Readonly<Record<string, string>>) => secret(name, 'kubernetes.io/tls', data);
const backend = { service: { name: 'web', port: { number: 80 } } };
const ingress = (name: string, secretName: string, annotations: Readonly<Record<string, string>> = {}) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name, namespace: 'default', annotations },
  spec: {
    ingressClassName: 'sluice',
    rules: [{ host: `${name}.test`, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    tls: [{ hosts: [`${name}.test`], secretName }],
  },
});

const pairs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  good: { 'tls.crt': good.cert, 'tls.key': good.key },
  mismatched: { 'tls.crt': good.cert, 'tls.key': other.key },
  swapped: { 'tls.crt': good.key, 'tls.key': good.cert },
  'both-in-one': { 'tls.crt': `${good.cert}${good.key}`, 'tls.key': good.key },
  'key-only': { 'tls.crt': '', 'tls.key': good.key },
  truncated: { 'tls.crt': good.cert, 'tls.key': good.key.slice(0, 120) },
  'no-pem': { 'tls.crt': 'broken-marker-0123456789', 'tls.key': 'broken-marker-0123456789' },
  'no-base64': { 'tls.crt': good.cert, 'tls.key': good.key.replaceAll('\n', ' broken-marker-0123456789\n') },
};

const manifests = [
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name: 'sluice' },
    spec: { controller: 'sluice.dev/ingress-controller' },
  },
  ...Object.entries(pairs).flatMap(([name, data]) => [tls(name, data), ingress(name, name)]),
  secret('users', 'Opaque', { auth: 'ann:{PLAIN}htpasswd-hash-marker\nbroken line htpasswd-hash-marker' }),
  secret('broken-users', 'Opaque', { auth: 'htpasswd-hash-marker', other: 'opaque-marker-0123456789' }),
  secret('token', 'kubernetes.io/service-account-token', {
    token: 'token-marker-0123456789',
    'ca.crt': 'token-marker-0123456789',
  }),
  secret('ca', 'Opaque', { 'ca.crt': 'broken-marker-0123456789', 'tls.key': good.key, 'tls.crt': good.cert }),
  ingress('basic', 'good', { [`${prefix}/auth-type`]: 'basic', [`${prefix}/auth-secret`]: 'users' }),
  ingress('broken-basic', 'good', { [`${prefix}/auth-type`]: 'basic', [`${prefix}/auth-secret`]: 'broken-users' }),
  ingress('token-as-users', 'token', { [`${prefix}/auth-type`]: 'basic', [`${prefix}/auth-secret`]: 'token' }),
  ingress('client', 'good', { [`${prefix}/auth-tls-secret`]: 'default/ca' }),
  ingress('upstream', 'good', {
    [`${prefix}/backend-protocol`]: 'HTTPS',
    [`${prefix}/proxy-ssl-secret`]: 'default/good',
    [`${prefix}/proxy-ssl-verify`]: 'on',
  }),
  ingress('mismatched-upstream', 'good', {
    [`${prefix}/backend-protocol`]: 'HTTPS',
    [`${prefix}/proxy-ssl-secret`]: 'default/mismatched',
  }),
];

/** Files that are no manifests, with what must not be quoted from them. */
const brokenFiles: Readonly<Record<string, string>> = {
  'broken-indent.yaml':
    'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  a: "yaml-marker-0123456789\n b: yaml-marker-0123456789: c: [',
  'broken-tab.yaml': 'apiVersion: v1\nkind: Secret\nstringData:\n\ttoken: yaml-marker-0123456789\n',
  'broken-type.yaml':
    'apiVersion: v1\nkind: Secret\nmetadata: {name: y, namespace: default}\ntype: kubernetes.io/tls\ndata: yaml-marker-0123456789\n',
  'broken-value.yaml': `apiVersion: v1\nkind: Secret\nmetadata: {name: z, namespace: default}\ntype: kubernetes.io/tls\ndata: {tls.key: [yaml-marker-0123456789], tls.crt: 'yaml-marker-0123456789 %%'}\n`,
};

const pages = [
  '/metrics',
  '/debug/problems',
  '/debug/objects',
  '/debug/source',
  '/debug/sessions',
  '/debug/status',
  '/debug/resources',
  '/healthz',
  '/readyz',
];

describe('what is secret', () => {
  let folder = '';
  let sluice: RunningProcess;
  let adminPort = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-leaks-'));
    await writeFile(join(folder, 'all.yaml'), manifests.map((each) => stringify(each)).join('---\n'));
    await Promise.all(Object.entries(brokenFiles).map(([name, text]) => writeFile(join(folder, name), text)));
    const addresses = ['--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0'];
    sluice = await startSluice([
      'serve',
      '--dir',
      folder,
      ...addresses,
      '--log-level',
      'trace',
      '--log-format',
      'json',
    ]);
    await sluice.waitForOutput(/"msg":"serving"/, { within: 20_000 });
    adminPort = Number(/"admin":"[^"]*:(\d+)"|"adminPort":(\d+)/.exec(sluice.output())?.slice(1).find(Boolean));
    await eventually(async () => {
      if ((await page('/readyz')).status !== 200) throw new Error('it is not ready');
    });
  }, 40_000);
  afterAll(async () => {
    await sluice.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const page = (path: string) => httpRequest({ port: adminPort, path });
  const leaked = (text: string): readonly string[] =>
    secrets.filter(
      (each) => text.includes(each) || text.includes(base64(each)) || text.includes(JSON.stringify(each).slice(1, -1)),
    );

  it('was read, and is served', async () => {
    const { body } = await page('/debug/resources');
    expect(body).toContain('default/good');
    const problems = (await page('/debug/problems')).body;
    expect(problems).toContain('InvalidCertificate');
    expect(problems).toContain('InvalidProtection');
    expect(problems).toContain('InvalidYaml');
  });

  it.each(pages)('stands on no page: %s', async (path) => {
    const { body } = await page(path);
    expect(leaked(body)).toEqual([]);
  });

  it('stands in no resource that is shown', async () => {
    const { body } = await page('/debug/resources');
    const listed: readonly { readonly typeUrl: string; readonly name: string }[] = JSON.parse(body);
    expect(new Set(listed.map(({ typeUrl }) => typeUrl)).size).toBeGreaterThan(3);
    const shown = await Promise.all(
      listed.map(({ typeUrl, name }) =>
        page(`/debug/resources?type=${encodeURIComponent(typeUrl)}&name=${encodeURIComponent(name)}`),
      ),
    );
    expect(shown.map((each) => each.body).join('\n')).toContain('[redacted]');
    expect(shown.flatMap((each) => leaked(each.body))).toEqual([]);
  });

  it('stands in no line of the log, also when files change and break', async () => {
    await writeFile(join(folder, 'all.yaml'), `${stringify(manifests[0])}---\n: yaml-marker-0123456789 [\n`);
    await eventually(async () => expect((await page('/debug/problems')).body).toContain('all.yaml'));
    expect(leaked((await page('/debug/problems')).body)).toEqual([]);
    expect(leaked(sluice.output())).toEqual([]);
  });
});
