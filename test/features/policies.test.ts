import { describe, expect, it } from '@jest/globals';
import { backendVariant, defaultSettings, readDefaults, readPolicies } from '../../src/features/policies.ts';
import type { FeatureSettings } from '../../src/features/policies.ts';
import { ingress } from '../support/objects.ts';

function read(annotations: Readonly<Record<string, string>>, settings: Partial<FeatureSettings> = {}) {
  const prefix = settings.prefix ?? defaultSettings.prefix;
  const written = Object.fromEntries(Object.entries(annotations).map(([name, text]) => [`${prefix}/${name}`, text]));
  const { policies, isClosed, problems } = readPolicies(
    ingress('i', { annotations: written }),
    readDefaults({ ...defaultSettings, ...settings }),
  );
  return {
    ...policies.byFeature,
    isClosed,
    problems: problems.map(({ field, severity, reason }) => `${field.replace(/^.*\//, '')} ${severity} ${reason}`),
  };
}

const configMap = (data: Readonly<Record<string, string>>) => ({ configMap: data });

describe('the policies of an Ingress', () => {
  it('are those of all others when it has no annotations, the very same object', () => {
    const defaults = readDefaults(defaultSettings);
    const { policies } = readPolicies(ingress('i', { annotations: { 'example.com/x': 'y' } }), defaults);
    expect(policies).toBe(defaults.policies);
    expect(Object.keys(policies.byFeature)).toEqual(['hsts', 'relative-redirects', 'tls-redirect']);
  });

  it('come from the annotation, else the ConfigMap, else the default', () => {
    const data = configMap({ 'proxy-read-timeout': '90', 'proxy-send-timeout': '80' });
    expect(read({ 'proxy-read-timeout': ' 30 ' }, data)).toMatchObject({
      'proxy-timeouts': { connect: 5, read: 30, send: 80 },
    });
    expect(read({}, data)).toMatchObject({ 'proxy-timeouts': { connect: 5, read: 90, send: 80 } });
    expect(read({ 'proxy-read-timeout': '' }, data)).toMatchObject({ 'proxy-timeouts': { read: 90 } });
    const off = configMap({ 'ssl-redirect': 'false' });
    expect(read({ 'ssl-redirect': 'true' }, off)).toMatchObject({ 'tls-redirect': { whenTls: true } });
    expect(read({}, off)).toMatchObject({ 'tls-redirect': { whenTls: false } });
  });

  it('are read under another prefix, and then not under that of ingress-nginx', () => {
    expect(read({ 'use-regex': 'true' }, { prefix: 'own.test' })).toHaveProperty('rewrite');
    const foreign = { 'nginx.ingress.kubernetes.io/use-regex': 'true' };
    const defaults = readDefaults({ ...defaultSettings, prefix: 'own.test' });
    expect(readPolicies(ingress('i', { annotations: foreign }), defaults).policies).toBe(defaults.policies);
  });

  it('lose what has a bad value, and nothing else', () => {
    const bad = read({ 'proxy-read-timeout': '1m', 'proxy-send-timeout': '30' });
    expect(bad).toMatchObject({
      'proxy-timeouts': { connect: 5, read: 60, send: 30 },
      isClosed: false,
      problems: ['proxy-read-timeout] error InvalidAnnotation'],
    });
    expect(read({ 'permanent-redirect': 'https://a.test\nx' }).problems).toEqual([
      'permanent-redirect] error InvalidAnnotation',
    ]);
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '300.0.0.1',
    'fe80::1%eth0',
    '::1/129',
    '10.0.0.1 10.0.0.2',
    'all',
    '0x0.0.0.0/0',
    '10.0.0.0/8\n0.0.0.0/0',
  ])('close the paths when the allow list is %j', (text) => {
    expect(read({ 'whitelist-source-range': text })).toMatchObject({
      isClosed: true,
      problems: ['whitelist-source-range] error InvalidProtection'],
    });
  });

  it('close the paths of those who rely on a bad list in the ConfigMap, and say it once', () => {
    const data = configMap({ 'whitelist-source-range': 'x' });
    expect(readDefaults({ ...defaultSettings, ...data }).problems).toHaveLength(1);
    expect(read({}, data)).toMatchObject({ isClosed: true, problems: [] });
    expect(read({ 'use-regex': 'true' }, data)).toMatchObject({ isClosed: true, problems: [] });
    expect(read({ 'whitelist-source-range': '10.0.0.0/8' }, data)).toMatchObject({ isClosed: false, problems: [] });
  });

  it('close the paths when an annotation that protects them is not supported, and only then', () => {
    expect(read({ 'server-snippet': 'deny all;' })).toMatchObject({
      isClosed: true,
      problems: ['server-snippet] error UnsupportedProtection'],
    });
    expect(read({ 'auth-tls-match-cn': '' })).toMatchObject({ isClosed: false, problems: [] });
    expect(read({ 'server-snippet': 'add_header X y;' })).toMatchObject({
      isClosed: false,
      problems: ['server-snippet] error InvalidAnnotation'],
    });
    // The snippet of a server closes all paths of its host by a policy of the host.
    expect(read({ 'server-snippet': 'location /x { deny all; }' })).toMatchObject({
      problems: ['server-snippet] error InvalidProtection'],
    });
  });

  it('report names that nobody knows, with the name that was probably meant', () => {
    const { problems } = readPolicies(
      ingress('i', {
        annotations: { [`${defaultSettings.prefix}/rewrite-traget`]: '/', [`${defaultSettings.prefix}/x`]: '' },
      }),
      readDefaults(defaultSettings),
    );
    expect(problems).toMatchObject([{ reason: 'UnknownAnnotation', fix: 'write rewrite-target, if that is meant' }]);
  });
});

describe('the variant of a backend', () => {
  it('depends on what its cluster needs, and on nothing else', () => {
    const variant = (annotations: Readonly<Record<string, string>>) => {
      const written = Object.entries(annotations).map(([name, text]) => [`${defaultSettings.prefix}/${name}`, text]);
      const { policies } = readPolicies(
        ingress('i', { annotations: Object.fromEntries(written) }),
        readDefaults(defaultSettings),
      );
      return backendVariant(policies)?.variant;
    };
    const both = { 'proxy-connect-timeout': '9', 'backend-protocol': 'HTTPS' };
    expect(variant({})).toBeUndefined();
    expect(variant({ 'enable-cors': 'true', 'use-regex': 'true' })).toBeUndefined();
    expect(variant(both)).toMatch(/^[0-9a-f]{12}$/);
    expect(variant({ ...both, 'enable-cors': 'true' })).toBe(variant(both));
    expect(variant({ 'backend-protocol': 'https', 'proxy-connect-timeout': '9' })).toBe(variant(both));
    expect(variant({ 'proxy-connect-timeout': '9' })).not.toBe(variant(both));
  });
});
