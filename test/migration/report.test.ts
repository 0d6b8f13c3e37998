import { describe, expect, it } from '@jest/globals';
import type { Ingress, KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { migrationReport } from '../../src/migration/report.ts';
import { renderMarkdown, renderText } from '../../src/migration/render.ts';
import type { MigrationReport } from '../../src/migration/report.ts';
import { Translation } from '../../src/translation/translation.ts';
import { applied, configMap, ingress, ingressClass } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';

const prefix = 'nginx.ingress.kubernetes.io';

function report(...objects: readonly KubernetesObject[]): MigrationReport {
  const named = { namespace: 'default', name: 'settings' };
  const translation = new Translation({ ...translationOptions, configMap: named });
  const settings = configMap('settings', {
    'http-snippet': 'gzip on;',
    'worker-processes': '4',
    'ssl-redirect': 'false',
  });
  translation.update([ingressClass(), settings, ...objects].map(applied));
  translation.commit();
  return migrationReport({
    translation,
    ingresses: objects.filter((each): each is Ingress => each.kind === 'Ingress'),
    configMap: settings,
    configMapName: { kind: 'ConfigMap', ...named },
    prefix,
    hasSecrets: false,
    hasConfigMaps: false,
    unread: [],
    flags: [],
  });
}

const annotated = (
  name: string,
  annotations: Readonly<Record<string, string>>,
  paths: Readonly<Record<string, string>> = { '/': 'web:80' },
) =>
  ingress(name, {
    hosts: { 'a.test': paths },
    created: `2024-01-0${name.length}T00:00:00Z`,
    annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`${prefix}/${key}`, value])),
  });

const verdictsOf = ({ ingresses }: MigrationReport) =>
  ingresses.flatMap(({ ingress: key, verdict, annotations }) => [
    `${key}: ${verdict}`,
    ...annotations.map((each) => `${each.name}: ${each.verdict}`),
  ]);

describe('the report of a migration', () => {
  it('gives each annotation the verdict of serving it: same, different, or refused', () => {
    const all = report(
      annotated('a', { 'app-root': '/x' }),
      annotated('bb', {
        'use-regex': 'true',
        'proxy-body-size': '8m',
        'auth-type': 'basic',
        'auth-secret': 'elsewhere',
      }),
      annotated('ccc', { 'proxy-connect-timeout': 'soon', 'no-such-thing': '1' }),
      annotated('dddd', { 'configuration-snippet': 'deny all;\nreturn 403;' }),
    );
    expect(verdictsOf(all)).toEqual([
      'default/a: same',
      'app-root: same',
      'default/bb: different',
      'auth-secret: same',
      'auth-type: same',
      'proxy-body-size: different',
      'use-regex: same',
      'default/ccc: refused',
      'no-such-thing: same',
      'proxy-connect-timeout: refused',
      'default/dddd: refused',
      'configuration-snippet: refused',
    ]);
    expect(all.ingresses[3]?.annotations[0]?.value).toBe('deny all; return 403;');
    expect(all.summary).toMatchObject({ verdict: 'refused', ingresses: { same: 1, different: 1, refused: 2 } });
  });

  it('says the same of the keys of the ConfigMap', () => {
    expect(report().configMap?.keys.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
      'http-snippet refused',
      expect.stringMatching(/^ssl-redirect (same|different)$/),
      'worker-processes same',
    ]);
  });

  it('leaves Ingresses of other classes out, with the reason', () => {
    const { others, ingresses } = report(ingress('i', { className: 'other', hosts: { 'a.test': { '/': 'web:80' } } }));
    expect(ingresses).toEqual([]);
    expect(others).toEqual([
      { ingress: 'default/i', why: expect.stringContaining('no IngressClass is named "other"') },
    ]);
  });

  it('names the paths that unwritten rules decide', () => {
    const { ingresses } = report(
      annotated('a', { 'use-regex': 'true' }, { '/x': 'web:80' }),
      annotated('bb', {}, { '/x': 'web:80' }),
      ingress('ccc', { hosts: { 'b.test': { '=/y': 'web:80', '/y/': 'web:80', '/z/': 'web:80' } } }),
    );
    const quirks = ingresses.flatMap((each) =>
      each.quirks.map(({ quirk, host, path }) => `${each.ingress} ${quirk} ${host}${path}`),
    );
    expect(quirks.toSorted()).toEqual([
      'default/a implicit root a.test',
      'default/a regex host a.test/x',
      'default/bb oldest wins a.test/x',
      'default/ccc exact before prefix b.test/y',
      'default/ccc implicit root b.test',
      'default/ccc trailing slash b.test/z/',
    ]);
  });

  it('can be read as text and as Markdown, in which no value becomes anything else', () => {
    const all = report(annotated('a', { 'app-root': '<script>', 'permanent-redirect': '`x`\n# y' }));
    expect(renderText(all)).toMatch(
      /^Some of it is not served[^\n]*\n=+\n\n {2}0 % ready: [^]*\n {2}1 Ingress: 0 the same, .*1 with something refused/,
    );
    const markdown = renderMarkdown(all);
    expect(markdown).not.toContain('<script>');
    expect(markdown.split('\n').filter((line) => line.startsWith('# '))).toHaveLength(1);
  });
});
