/** `sluice migrate` as a process: what it reads, what it prints, and how it ends. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rawConfigMap, rawIngress } from '../source/raw-objects.ts';
import { runSluice } from '../support/sluice.ts';

const controller = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'controller', namespace: 'edge' },
  spec: {
    template: {
      spec: {
        containers: [
          {
            image: 'x',
            args: ['/nginx-ingress-controller', '--configmap=$(POD_NAMESPACE)/settings', '--ingress-class=edge'],
          },
        ],
      },
    },
  },
};

function annotated(name: string, annotations: Readonly<Record<string, string>>, ingressClassName = 'nginx') {
  const raw = rawIngress(name);
  return { ...raw, metadata: { ...raw.metadata, annotations }, spec: { ...Object(raw['spec']), ingressClassName } };
}

describe('sluice migrate', () => {
  let folder = '';
  const write = async (name: string, ...documents: readonly unknown[]): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, documents.map((each) => JSON.stringify(each)).join('\n---\n'));
    return file;
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-migrate-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('ends with 0 when nothing is refused, and with 1 for differences only if asked', async () => {
    const dir = await write('same.yaml', annotated('a', { 'nginx.ingress.kubernetes.io/proxy-body-size': '8m' }));
    const { code, stdout, stderr } = await runSluice(['migrate', '--dir', dir]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('1 Ingress: 0 the same, 1 with a stated difference, 0 with something refused');
    expect((await runSluice(['migrate', '--dir', dir, '--strict'])).code).toBe(1);
  });

  it('names what it cannot read, and does not call that the same', async () => {
    const broken = join(folder, 'broken.yaml');
    await writeFile(broken, 'kind: [');
    const quoted = await write('quoted.yaml', {
      ...rawIngress('numbers'),
      metadata: { name: 'numbers', namespace: 'default', annotations: { 'nginx.ingress.kubernetes.io/limit-rps': 5 } },
    });
    const { code, stdout } = await runSluice(['migrate', '--dir', broken, '--dir', quoted, '--output', 'json']);
    expect(code).toBe(1);
    const { summary, unread } = JSON.parse(stdout);
    expect(summary.verdict).toBe('refused');
    expect(JSON.stringify(unread)).toMatch(/broken\.yaml.*numbers|numbers.*broken\.yaml/);
  });

  it('says so when there is no Ingress', async () => {
    const { code, stdout } = await runSluice(['migrate', '--dir', await write('none.yaml', rawConfigMap('x', {}))]);
    expect([code, stdout.split('\n')[0]]).toEqual([2, 'There is no Ingress to move']);
    const others = await runSluice(['migrate', '--dir', await write('others.yaml', annotated('a', {}, 'edge'))]);
    expect([others.code, others.stderr]).toEqual([
      2,
      'sluice: there are Ingresses of other classes only, 1 of them: name their class with --ingress-class\n',
    ]);
  });

  it('goes by the flags and the ConfigMap of the controller that it finds', async () => {
    const objects = [
      annotated('ours', {}, 'edge'),
      annotated('others', {}),
      rawConfigMap('settings', { 'http-snippet': 'gzip on;' }, 'edge'),
    ];
    const dir = await write('all.yaml', ...objects, controller);
    const { code, stdout } = await runSluice(['migrate', '--dir', dir, '--output', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      summary: { verdict: 'refused' },
      ingresses: [{ ingress: 'default/ours', verdict: 'same' }],
      others: [{ ingress: 'default/others' }],
      configMap: { object: 'edge/settings', keys: [{ name: 'http-snippet', verdict: 'refused' }] },
      flags: [{ flag: 'configmap', outcome: 'same' }, { flag: 'ingress-class' }],
    });
    const apart = await write('objects.yaml', ...objects);
    const file = await write('controller.yaml', controller);
    const same = await runSluice(['migrate', '--dir', apart, '--controller', file, '--output', 'json']);
    expect(same.stdout).toBe(stdout);
  });

  it('writes Markdown', async () => {
    const dir = await write(
      'markdown.yaml',
      annotated('a', { 'nginx.ingress.kubernetes.io/server-snippet': 'deny all;' }),
    );
    const { code, stdout } = await runSluice(['migrate', '--dir', dir, '-o', 'markdown']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^# .*\n\n- 0 % ready: 0 of 1 Ingress/);
    expect(stdout).toContain('## What to do first');
  });

  it('says in one line what it cannot do', async () => {
    const dir = await write('none.yaml', annotated('a', {}));
    const results = await Promise.all([
      runSluice(['migrate']),
      runSluice(['migrate', '--dir', dir, '--controller', dir]),
      runSluice(['migrate', '--dir', dir, '-o', 'html']),
    ]);
    expect(results.map(({ code }) => code)).toEqual([2, 2, 2]);
    expect(results.map(({ stderr }) => stderr.trim().split('\n').length)).toEqual([1, 1, 1]);
    expect(results[1]?.stderr).toContain('holds no Deployment or DaemonSet of ingress-nginx');
  });
});
