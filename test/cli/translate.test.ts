/** `sluice translate` as a process: what programs read on one stream, and what people read on the other. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { type RawObject, rawIngress } from '../source/raw-objects.ts';
import { runSluice } from '../support/sluice.ts';

function rawClass(name: string, controller: string): RawObject {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name }, spec: { controller } };
}

function ofClass(name: string, ingressClassName: string | undefined): RawObject {
  const raw = rawIngress(name, `${name}.test`);
  return { ...raw, spec: { ...Object(raw['spec']), ingressClassName } };
}

const nginxClass = rawClass('nginx', 'k8s.io/ingress-nginx');

describe('sluice translate', () => {
  let folder = '';
  const translate = async (documents: readonly unknown[], ...flags: readonly string[]) => {
    const file = join(folder, 'manifests.yaml');
    await writeFile(file, documents.map((each) => JSON.stringify(each)).join('\n---\n'));
    const { code, stdout, stderr } = await runSluice(['translate', '--dir', file, ...flags]);
    return { code, stdout, lines: stderr.trimEnd().split('\n') };
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-translate-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('prints resources, and how many Ingresses they are from on the other stream', async () => {
    const { code, stdout, stderr } = await runSluice(['translate', '--dir', 'manifests/quickstart', '-o', 'yaml']);
    expect([code, stderr]).toEqual([0, '3 Ingresses translated, 0 of another class, 0 problems\n']);
    const printed = parse(stdout);
    expect(Object.keys(printed)).toEqual(['problems', 'resources']);
    expect(printed.problems).toEqual([]);
    expect(printed.resources).toContainEqual(expect.objectContaining({ name: 'http/web.localhost' }));
  });

  it('says each problem in a line, the errors last, and fails for them', async () => {
    const objects = [
      rawClass('sluice', 'sluice.dev/ingress-controller'),
      ofClass('a', 'sluice'),
      ofClass('b', 'sluice'),
    ];
    const { code, lines } = await translate([...objects, ofClass('none', undefined)]);
    expect(code).toBe(1);
    expect(lines.map((line) => line.split(': ')[0])).toEqual([
      'info IngressWithoutClass in Ingress default/none spec.ingressClassName',
      'error ServiceNotFound in Ingress default/a spec.rules[0].http.paths[0]',
      'error ServiceNotFound in Ingress default/b spec.rules[0].http.paths[0]',
      '2 Ingresses translated, 1 of another class, 3 problems (2 errors)',
    ]);
  });

  it('prints the same problems with the resources, for programs', async () => {
    const { code, stdout, lines } = await translate([ofClass('a', undefined)], '-o', 'json');
    expect(code).toBe(2);
    const problem = { severity: 'info', reason: 'IngressWithoutClass', object: expect.anything() };
    expect(JSON.parse(stdout).problems).toEqual([expect.objectContaining(problem)]);
    expect(lines.at(-1)).toBe('0 Ingresses translated, 1 of another class, 1 problem');
  });

  it.each<[string, readonly RawObject[], string]>([
    [
      'of a class that is there',
      [nginxClass, ofClass('a', 'nginx'), ofClass('b', 'nginx')],
      'all 2 Ingresses are of another class (nginx): to translate, add --ingress-class nginx --controller-name k8s.io/ingress-nginx',
    ],
    [
      'of a class that is not there',
      [ofClass('a', 'nginx')],
      'the only Ingress is of another class (nginx): to translate, add --ingress-class nginx --ingress-class-by-name-only',
    ],
    [
      'of several classes, and of none',
      [
        nginxClass,
        rawClass('edge', 'else.dev/x'),
        ofClass('a', 'nginx'),
        ofClass('b', 'edge'),
        ofClass('c', undefined),
      ],
      'all 3 Ingresses are of another class (edge, nginx, none): to translate, add --ingress-class edge --ingress-class nginx --controller-name else.dev/x --controller-name k8s.io/ingress-nginx --watch-ingress-without-class',
    ],
  ])('exits with 2 where all Ingresses are %s, and names the flags that help', async (_case, objects, message) => {
    const refused = await translate(objects);
    expect(refused.code).toBe(2);
    expect(refused.lines.slice(-2)).toEqual([
      `sluice: ${message}`,
      expect.stringMatching(
        `^0 Ingresses translated, ${objects.filter(({ kind }) => kind === 'Ingress').length} of another`,
      ),
    ]);
    const helped = await translate(objects, ...message.slice(message.indexOf('--')).split(' '));
    expect(helped.lines.at(-1)).toContain(' translated, 0 of another class');
  });

  it('leaves it to the problem where the class is ours and missing', async () => {
    const { code, lines } = await translate([ofClass('a', 'sluice')]);
    expect([code, lines.length]).toEqual([1, 2]);
    expect(lines[0]).toMatch(/^error IngressClassNotFound /);
  });
});
