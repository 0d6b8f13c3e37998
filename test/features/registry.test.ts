import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { annotationDocument } from '../../src/features/documentation.ts';
import { ingressNginxAnnotations, protectiveAnnotations } from '../../src/features/ingress-nginx-annotations.ts';
import { features } from '../../src/features/registry.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'src/features');
const filesOfFeatures = readdirSync(folder).filter((file) =>
  readFileSync(join(folder, file), 'utf8').includes('= defineFeature('),
);
const settings = [...new Set(features.flatMap((feature) => Object.values(feature.settings)))];
const owned = settings.flatMap(({ annotation, aliases = [] }) =>
  annotation === undefined ? [] : [annotation, ...aliases],
);

describe('the list of features', () => {
  it('has each feature that there is a file of, in one line, under the name of the file', () => {
    expect(features.map(({ name }) => `${name}.ts`).toSorted()).toEqual(filesOfFeatures.toSorted());
    const lines = readFileSync(join(folder, 'registry.ts'), 'utf8').split('\n');
    expect(lines.filter((line) => /^ {2}\w+,$/.test(line)).length).toBe(features.length);
  });

  it('gives no annotation or ConfigMap key two owners', () => {
    expect(owned.toSorted()).toEqual([...new Set(owned)].toSorted());
    const keys = settings.flatMap(({ configMap }) => configMap ?? []);
    expect(keys.toSorted()).toEqual([...new Set(keys)].toSorted());
  });

  it('has defaults that its own parsers read', () => {
    const withDefaults = settings.filter(({ default: value }) => value !== undefined);
    const unread = withDefaults.filter(({ default: value, parse }) => {
      const text = String(value);
      return text !== '' && !Array.isArray(value) && parse(text).kind === 'invalid';
    });
    expect(unread).toEqual([]);
  });

  it('calls harmless what protects nothing: of all others, the last good form of an Ingress with another policy is not served', () => {
    expect(features.flatMap(({ name, isHarmless }) => (isHarmless === true ? [name] : [])).toSorted()).toEqual([
      'affinity',
      'app-root',
      'backend-protocol',
      'brotli',
      'custom-errors',
      'forwarded-prefix',
      'gzip',
      'load-balance',
      'needless',
      'next-upstream',
      'proxy-timeouts',
      'relative-redirects',
      'request-buffering',
      'service-upstream',
      'session-cookie',
      'session-endpoint',
      'underscore-headers',
      'upstream-connections',
      'upstream-hash',
    ]);
    const protecting = features.filter(
      ({ isAccessCheck, mayProtect, settings: own }) =>
        isAccessCheck === true ||
        mayProtect !== undefined ||
        Object.values(own).some(({ onInvalid = 'default' }) => onInvalid.endsWith('closed')),
    );
    expect(protecting.filter(({ isHarmless }) => isHarmless === true)).toEqual([]);
  });

  it('has no annotation that no test with a real Envoy names', () => {
    const tests = readdirSync(join(root, 'test/envoy/features'))
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => readFileSync(join(root, 'test/envoy/features', file), 'utf8'))
      .join();
    expect(owned.filter((name) => !tests.includes(`'${name}'`))).toEqual([]);
  });
});

describe('the names of ingress-nginx', () => {
  it('are all there, each once', () => {
    expect(ingressNginxAnnotations.length).toBe(138);
    expect(new Set(ingressNginxAnnotations).size).toBe(138);
    expect([...protectiveAnnotations.keys()].filter((name) => !ingressNginxAnnotations.includes(name))).toEqual([]);
  });
});

describe('docs/annotations.md', () => {
  it('is what `npm run docs` prints', () => {
    expect(readFileSync(join(root, 'docs/annotations.md'), 'utf8')).toBe(annotationDocument());
  });
});
