import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseManifest } from '../../src/source/manifest.ts';
import { rawIngress, rawSecret, rawService } from './raw-objects.ts';

function parse(text: string): ReturnType<typeof parseManifest> {
  return parseManifest('m.yaml', text);
}

function names(text: string): readonly string[] {
  return parse(text).objects.map(({ object }) => `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`);
}

const ingressYaml = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations:
    sluice.dev/a: "1"
spec:
  rules:
    - host: web.test
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: web
                port:
                  number: 80
`;

describe('parseManifest', () => {
  it('reads several documents, and passes over empty ones', () => {
    const text = `# nothing\n---\n${ingressYaml}---\n# a comment\n---\n${JSON.stringify(rawService('web'))}\n---\n`;
    expect(names(text)).toEqual(['Ingress default/web', 'Service default/web']);
    expect(parse(text).objects.map(({ line }) => line)).toEqual([4, 25]);
    expect(parse(text).problems).toEqual([]);
  });

  it.each(['', '\n', '# only a comment\n', '---\n---\n'])('finds nothing in %j', (text) => {
    expect(parse(text)).toEqual({ objects: [], problems: [], ignored: [] });
  });

  it('quotes nothing of a file that is not valid YAML, because it may be a Secret', () => {
    const text = 'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata:\n  tls.key: |LS0tLS1CRUdJTiBQUklWQVRF\n';
    const { problems } = parse(text);
    expect(problems).toMatchObject([{ reason: 'InvalidYaml' }]);
    expect(JSON.stringify(problems)).not.toContain('LS0tLS1');
  });

  it('reads lists of mixed and of one kind', () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [rawIngress('a'), rawService('b')] };
    const { kind: _kind, apiVersion, ...bare } = rawIngress('c');
    const ingresses = { apiVersion, kind: 'IngressList', items: [bare] };
    const nested = { apiVersion: 'v1', kind: 'List', items: [list, ingresses] };
    expect(names(JSON.stringify(nested))).toEqual(['Ingress default/a', 'Service default/b', 'Ingress default/c']);
  });

  it('says where the syntax is wrong, without quoting the text', () => {
    const { problems } = parse('a: 1\nprivate: "secret\nb: 2\n');
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({
      object: { kind: 'File', namespace: '', name: 'm.yaml' },
      field: '',
      severity: 'error',
      reason: 'InvalidYaml',
    });
    expect(problems[0]?.message).toMatch(/^It is not valid YAML: .* \(m\.yaml line \d+ column \d+\)$/);
    expect(JSON.stringify(problems)).not.toContain('secret');
  });

  it('loses only the document with the mistake', () => {
    expect(names(`${ingressYaml}---\na: b: c\n---\n${JSON.stringify(rawService('web'))}`)).toEqual([
      'Ingress default/web',
      'Service default/web',
    ]);
  });

  it('says where a wrong field is', () => {
    const { objects, problems } = parse(ingressYaml.replace('number: 80', 'number: eighty').replace('"1"', 'true'));
    expect(objects).toEqual([]);
    expect(problems.map(({ field, message, fix }) => [field, message, fix])).toEqual([
      [
        'metadata.annotations["sluice.dev/a"]',
        'It is the boolean true, but must be a string (m.yaml line 7 column 19)',
        'Put the value in quotes',
      ],
      [
        'spec.rules[0].http.paths[0].backend.service.port.number',
        'It is the string "eighty", but must be a whole number from 1 to 65535 (m.yaml line 19 column 27)',
        'Write a port number',
      ],
    ]);
  });

  it('points at the nearest thing around a field that is missing', () => {
    const { problems } = parse(ingressYaml.replace('            pathType: Prefix\n', ''));
    expect(problems.map(({ field, message }) => [field, message])).toEqual([
      ['spec.rules[0].http.paths[0].pathType', 'It is required, but is missing or empty (m.yaml line 13 column 13)'],
    ]);
  });

  it.each([
    ['extensions/v1beta1', 'Ingress'],
    ['networking.k8s.io/v1beta1', 'Ingress'],
    ['networking.k8s.io/v1beta1', 'IngressClass'],
    ['discovery.k8s.io/v1beta1', 'EndpointSlice'],
    ['v2', 'Service'],
  ])('warns of %s %s', (apiVersion, kind) => {
    const { objects, problems } = parse(JSON.stringify({ apiVersion, kind, metadata: { name: 'x' } }));
    expect(objects).toEqual([]);
    expect(problems).toMatchObject([
      { object: { kind, name: 'x' }, field: 'apiVersion', severity: 'warning', reason: 'UnsupportedKind' },
    ]);
  });

  it('passes over kinds that it does not read', () => {
    const others = ['apps/v1 Deployment', 'serving.knative.dev/v1 Service', 'v1 Pod'];
    const text = others.map((other) => {
      const [apiVersion, kind] = other.split(' ');
      return JSON.stringify({ apiVersion, kind, metadata: { name: 'x' } });
    });
    expect(parse(text.join('\n---\n'))).toEqual({ objects: [], problems: [], ignored: others });
  });

  it.each([
    ['text', 'It is not a Kubernetes object'],
    ['- 1', 'It is not a Kubernetes object'],
    ['apiVersion: v1', 'The object has no kind'],
    ['kind: Service', 'The object has no apiVersion'],
    ['{ apiVersion: v1, kind: List, items: [{ kind: Ingress }] }', 'The object has no apiVersion'],
    ['{ apiVersion: v1, kind: List, items: [7] }', 'It is not a Kubernetes object'],
  ])('says what is wrong with %j', (text, message) => {
    expect(parse(text).problems).toMatchObject([{ reason: 'InvalidObject', object: { kind: 'File' } }]);
    expect(parse(text).problems[0]?.message).toContain(message);
  });

  it('refuses aliases that multiply without end, form a circle, or are too many to look up', () => {
    const lines = Array.from({ length: 9 }, (_, index) => {
      const items = Array.from({ length: 9 }, () => (index === 0 ? 'x' : `*a${index - 1}`));
      return `a${index}: &a${index} [${items.join(', ')}]`;
    });
    expect(parse(lines.join('\n')).problems).toMatchObject([{ reason: 'InvalidYaml' }]);
    expect(parse(`${ingressYaml}\nmore: &more { more: *more }`).objects).toHaveLength(1);
    const chain = Array.from({ length: 100_000 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}]`);
    expect(parse(`a0: &a0 []\n${chain.join('\n')}`).problems).toMatchObject([
      { reason: 'InvalidYaml', message: expect.stringContaining('Document 1 has more than 1000 aliases') },
    ]);
  });

  it.each([
    ['lists', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['lists of a cut file', '['.repeat(100_000)],
    // Where the stack ended while such was read, the whole process did.
    ['maps', '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)],
    ['lists in a block', '- '.repeat(10_000)],
    ['complex keys', '? '.repeat(10_000)],
    ['maps in a block', Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('')],
  ])('leaves out a document of %s that are nested too deeply, says where, and reads the others', (_what, deep) => {
    const around = (text: string) => parse(`${ingressYaml}\n---\n${text}\n---\n${JSON.stringify(rawService('b'))}`);
    const { objects, problems } = around(deep);
    expect(objects.map(({ object }) => object.kind)).toEqual(['Ingress', 'Service']);
    expect(problems).toMatchObject([
      {
        object: { kind: 'File', name: 'm.yaml' },
        reason: 'InvalidYaml',
        message: expect.stringMatching(/^Document 2 is nested deeper than 200 levels \(m\.yaml line \d+ column \d+\)$/),
      },
    ]);
    expect(problems[0]?.message).not.toContain('line 1 ');
    expect(around(`${'['.repeat(199)}${']'.repeat(199)}`).problems).toMatchObject([{ reason: 'InvalidObject' }]);
  });

  it('takes __proto__ for a name like any other', () => {
    const text = ingressYaml.replace('sluice.dev/a: "1"', '__proto__: "evil"\n    constructor: "x"');
    const annotations = parse(text).objects[0]?.object.metadata.annotations ?? {};
    expect(Object.entries(annotations)).toEqual([
      ['__proto__', 'evil'],
      ['constructor', 'x'],
    ]);
    expect(Object.getPrototypeOf(annotations)).toBeNull();
    expect(parse('__proto__: { kind: Ingress, apiVersion: networking.k8s.io/v1 }').problems).toHaveLength(1);
  });

  it('never shows what is in a Secret', () => {
    const secret = { ...rawSecret('tls'), data: { 'tls.crt': 'hunter2!', 'tls.key': 123_456_789 } };
    const { problems } = parse(JSON.stringify(secret));
    expect(problems).toHaveLength(2);
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|123456789/);
  });

  it('reads any text without failing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.json(), fc.lorem()), (text) => {
        expect(Array.isArray(parse(text).problems)).toBe(true);
      }),
    );
  });
});
