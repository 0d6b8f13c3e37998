/** Hosts: exact and wildcard hosts, how a client may spell them, and who gets what no host matches. */
import { ingress } from '../../support/objects.ts';
import { asks, ingressWithRules, withPorts } from './case.ts';
import type { IngressCase } from './case.ts';

/** Ingress `name` with paths by host, and requests by `host/path`. */
function h(
  name: string,
  title: string,
  hosts: Readonly<Record<string, Readonly<Record<string, string>>>>,
  requests: Readonly<Record<string, string>>,
  more: Partial<IngressCase> = {},
): IngressCase {
  const own = Object.fromEntries(Object.entries(hosts).map(([host, paths]) => [host, withPorts(paths)]));
  return { title, objects: [ingress(name, { hosts: own })], requests: asks(requests), ...more };
}

const problemOf = (name: string, field: string, reason: string): string => `Ingress default/${name} ${field} ${reason}`;

const spelling: readonly IngressCase[] = [
  h(
    's1',
    'a host is matched whole',
    { 's1.test': { '/': 'web' } },
    { 's1.test/': 'web', 'xs1.test/': '404', 's1.test.x/': '404', 'a.s1.test/': '404' },
  ),
  h(
    's2',
    'a port in the Host header does not count',
    { 's2.test': { '/': 'web' } },
    { 's2.test:8080/': 'web', 's2.test:443/': 'web', 's2.test:1/': 'web' },
  ),
  h(
    's3',
    'the case of the Host header does not count',
    { 's3.test': { '/': 'web' } },
    { 'S3.TEST/': 'web', 's3.Test/': 'web' },
  ),
  h('s4', 'the dot of a fully qualified name does not count', { 's4.test': { '/': 'web' } }, { 's4.test./': 'web' }),
  h('s5', 'case, dot and port together do not count', { 's5.test': { '/': 'web' } }, { 'S5.Test.:8443/': 'web' }),
  h('s6', 'a host written in upper case is that host', { 'S6.Test': { '/': 'web' } }, { 's6.test/': 'web' }),
  h('s7', 'a host of one label is a host', { s7: { '/': 'web' } }, { 's7/': 'web', 's7:80/': 'web' }),
  h(
    's8',
    'a host with digits and hyphens is a host',
    { '0-s8.x--y.test': { '/': 'web' } },
    { '0-s8.x--y.test/': 'web' },
  ),
  h(
    's9',
    'an internationalised host is served in its ASCII form',
    { 'xn--bcher-s9.test': { '/': 'web' } },
    { 'xn--bcher-s9.test/': 'web' },
  ),
  h(
    's10',
    'a label of 63 letters is a label',
    { [`${'l'.repeat(63)}.s10.test`]: { '/': 'web' } },
    { [`${'l'.repeat(63)}.s10.test/`]: 'web' },
  ),
  h(
    's11',
    'two hosts of one Ingress have paths of their own',
    { 's11a.test': { '/x': 'web' }, 's11b.test': { '/y': 'api' } },
    { 's11a.test/x': 'web', 's11a.test/y': '404', 's11b.test/y': 'api', 's11b.test/x': '404' },
  ),
  {
    title: 'a host that two rules of an Ingress name has the paths of both',
    objects: [
      ingressWithRules('s12', [
        ['s12.test', { '/x': 'web' }],
        ['s12.test', { '/y': 'api' }],
      ]),
    ],
    requests: asks({ 's12.test/x': 'web', 's12.test/y': 'api' }),
  },
  {
    title: 'a host that two Ingresses name has the paths of both',
    objects: [
      ingress('s13a', { hosts: { 's13.test': { '/x': 'web:80' } } }),
      ingress('s13b', { hosts: { 's13.test': { '/y': 'api:80' } } }),
    ],
    requests: asks({ 's13.test/x': 'web', 's13.test/y': 'api', 's13.test/': '404' }),
  },
  {
    title: 'a host that Ingresses of two namespaces name has the paths of both, each to Services of its own',
    objects: [
      ingress('s14', { hosts: { 's14.test': { '/x': 'web:80' } } }),
      ingress('s14', { namespace: 'team', hosts: { 's14.test': { '/y': 'web:80' } } }),
    ],
    requests: asks({ 's14.test/x': 'web', 's14.test/y': 'team-web' }),
  },
  {
    title: 'a host whose rule has no paths has none, and nobody else’s either',
    objects: [
      ingressWithRules('s15', [
        ['s15.test', {}],
        ['s15b.test', { '/': 'web' }],
      ]),
    ],
    requests: asks({ 's15.test/': '404', 's15b.test/': 'web' }),
  },
];

const wildcards: readonly IngressCase[] = [
  h(
    'w1',
    'a wildcard stands for one label',
    { '*.w1.test': { '/': 'web' } },
    { 'a.w1.test/': 'web', 'b-c.w1.test/': 'web' },
  ),
  h('w2', 'a wildcard does not stand for two labels', { '*.w2.test': { '/': 'web' } }, { 'a.b.w2.test/': '404' }),
  h(
    'w3',
    'a wildcard does not stand for no label',
    { '*.w3.test': { '/': 'web' } },
    { 'w3.test/': '404', '.w3.test/': '404' },
  ),
  h(
    'w4',
    'an exact host is before the wildcard that covers it',
    { '*.w4.test': { '/': 'web' }, 'a.w4.test': { '/': 'api' } },
    { 'a.w4.test/': 'api', 'b.w4.test/': 'web' },
  ),
  h(
    'w5',
    'what an exact host has no path for does not fall through to the wildcard',
    { '*.w5.test': { '/': 'web' }, 'a.w5.test': { '/x': 'api' } },
    { 'a.w5.test/x': 'api', 'a.w5.test/y': '404', 'a.w5.test/': '404' },
  ),
  h(
    'w6',
    'an exact path of a wildcard is not before a prefix of the exact host',
    { '*.w6.test': { '=/x': 'web' }, 'a.w6.test': { '/': 'api' } },
    { 'a.w6.test/x': 'api', 'b.w6.test/x': 'web' },
  ),
  h(
    'w7',
    'the longer of two wildcards decides',
    { '*.w7.test': { '/': 'web' }, '*.b.w7.test': { '/': 'api' } },
    { 'a.b.w7.test/': 'api', 'a.w7.test/': 'web', 'b.w7.test/': 'web' },
  ),
  h(
    'w8',
    'a wildcard takes ports, upper case and the dot at the end like any host',
    { '*.w8.test': { '/': 'web' } },
    { 'A.W8.test:8080/': 'web', 'a.w8.test./': 'web', 'a.b.w8.test:80/': '404' },
  ),
  h(
    'w9',
    'the paths of a wildcard have the usual precedence',
    { '*.w9.test': { '/': 'web', '/a': 'api', '=/a': 'shop' } },
    { 'x.w9.test/a': 'shop', 'x.w9.test/a/b': 'api', 'x.w9.test/c': 'web' },
  ),
  h(
    'w10',
    'what a wildcard has no path for is nobody’s',
    { '*.w10.test': { '/a': 'web' } },
    { 'x.w10.test/a': 'web', 'x.w10.test/b': '404' },
  ),
  {
    title: 'a wildcard that two Ingresses name has the paths of both',
    objects: [
      ingress('w11a', { hosts: { '*.w11.test': { '/x': 'web:80' } } }),
      ingress('w11b', { hosts: { '*.w11.test': { '/y': 'api:80' } } }),
    ],
    requests: asks({ 'a.w11.test/x': 'web', 'a.w11.test/y': 'api' }),
  },
  h(
    'w12',
    'a label that begins with an underscore is covered by a wildcard',
    { '*.w12.test': { '/': 'web' } },
    { '_a.w12.test/': 'web' },
  ),
];

const invalid: readonly IngressCase[] = [
  h(
    'n1',
    'a wildcard in the middle is reported, the other hosts are served',
    { 'a.*.n1.test': { '/': 'web' }, 'n1.test': { '/': 'api' } },
    { 'a.b.n1.test/': '404', 'n1.test/': 'api' },
    { problems: [problemOf('n1', 'spec.rules[0].host', 'InvalidHost')] },
  ),
  h(
    'n2',
    'a wildcard inside a label is reported, the other hosts are served',
    { 'a*.n2.test': { '/': 'web' }, 'n2.test': { '/': 'api' } },
    { 'ab.n2.test/': '404', 'n2.test/': 'api' },
    { problems: [problemOf('n2', 'spec.rules[0].host', 'InvalidHost')] },
  ),
  h(
    'n3',
    'a star by itself is reported: a rule for every host has none',
    { '*': { '/': 'web' }, 'n3.test': { '/': 'api' } },
    { 'any.n3.test/': '404', 'n3.test/': 'api' },
    { problems: [problemOf('n3', 'spec.rules[0].host', 'InvalidHost')] },
  ),
  h(
    'n4',
    'an address is reported, the other hosts are served',
    { '192.0.2.1': { '/': 'web' }, 'n4.test': { '/': 'api' } },
    { '192.0.2.1/': '404', 'n4.test/': 'api' },
    { problems: [problemOf('n4', 'spec.rules[0].host', 'InvalidHost')] },
  ),
  h(
    'n5',
    'a port in a rule is reported, the other hosts are served',
    { 'a.n5.test:80': { '/': 'web' }, 'n5.test': { '/': 'api' } },
    { 'a.n5.test/': '404', 'n5.test/': 'api' },
    { problems: [problemOf('n5', 'spec.rules[0].host', 'InvalidHost')] },
  ),
  h(
    'n6',
    'a label of 64 letters is reported, the other hosts are served',
    { [`${'l'.repeat(64)}.n6.test`]: { '/': 'web' }, 'n6.test': { '/': 'api' } },
    { 'n6.test/': 'api' },
    { problems: [problemOf('n6', 'spec.rules[0].host', 'InvalidHost')] },
  ),
];

const catchAll: readonly IngressCase[] = [
  {
    title: 'a rule without a host is for every host that no rule names',
    objects: [
      ingressWithRules('c1', [
        ['', { '/any': 'web' }],
        ['c1.test', { '/x': 'api' }],
      ]),
    ],
    requests: asks({ 'whoever.test/any': 'web', '192.0.2.9/any': 'web', 'whoever.test/x': '404', 'c1.test/x': 'api' }),
    alone: {},
  },
  {
    title: 'what a host has no path for does not fall through to the rule without a host',
    objects: [
      ingressWithRules('c2', [
        ['', { '/': 'web' }],
        ['c2.test', { '/x': 'api' }],
      ]),
    ],
    requests: asks({ 'c2.test/y': '404', 'c2.test/x': 'api', 'else.test/y': 'web' }),
    alone: {},
  },
  {
    title: 'the default backend of an Ingress without rules serves every unknown host',
    objects: [
      ingress('c3', { defaultBackend: 'other:80' }),
      ingress('c3b', { hosts: { 'c3.test': { '/x': 'web:80' } } }),
    ],
    requests: asks({
      'my-host/': 'other',
      'my-host/sub-path': 'other',
      '127.0.0.1/resource': 'other',
      'c3.test/x': 'web',
      'c3.test/y': '404',
    }),
    alone: {},
  },
  {
    title: 'the default backend of an Ingress with rules serves the unmatched paths of its hosts, and no other host',
    objects: [ingress('c4', { hosts: { 'c4.test': { '/x': 'web:80' } }, defaultBackend: 'other:80' })],
    requests: asks({ 'c4.test/x': 'web', 'c4.test/y': 'other', 'c4.test/': 'other', 'unknown.test/': '404' }),
    alone: {},
  },
  {
    title: 'the default backend serves the unmatched paths of a wildcard host, for one label',
    objects: [ingress('c5', { hosts: { '*.c5.test': { '/x': 'web:80' } }, defaultBackend: 'other:80' })],
    requests: asks({ 'a.c5.test/x': 'web', 'a.c5.test/y': 'other', 'a.b.c5.test/y': '404' }),
    alone: {},
  },
  {
    title: 'the default backend serves what a rule without a host does not match',
    objects: [{ ...ingressWithRules('c6', [['', { '/x': 'web' }]], { defaultBackend: 'other:80' }) }],
    requests: asks({ 'c6.test/x': 'web', 'c6.test/y': 'other' }),
    alone: {},
  },
  {
    title: 'a path of / is before the default backend',
    objects: [ingress('c7', { hosts: { 'c7.test': { '/': 'web:80' } }, defaultBackend: 'other:80' })],
    requests: asks({ 'c7.test/': 'web', 'c7.test/any': 'web' }),
    alone: {},
  },
  {
    title: 'the older of two default backends for unknown hosts serves them, and the younger is told',
    objects: [
      ingress('c8-young', { defaultBackend: 'web:80', created: '2026-02-01T00:00:00Z' }),
      ingress('c8-old', { defaultBackend: 'other:80', created: '2026-01-01T00:00:00Z' }),
    ],
    requests: asks({ 'unknown.test/': 'other' }),
    problems: [problemOf('c8-young', 'spec.defaultBackend', 'DefaultBackendConflict')],
    alone: {},
  },
  {
    title: 'more labels than a wildcard covers belong to the rule without a host',
    objects: [
      ingressWithRules('c9', [
        ['*.c9.test', { '/': 'web' }],
        ['', { '/': 'other' }],
      ]),
    ],
    requests: asks({ 'a.c9.test/': 'web', 'a.b.c9.test/': 'other', 'c9.test/': 'other' }),
    alone: {},
  },
  {
    title: 'the default backend of the flag serves every unknown host on the first port of its Service',
    objects: [ingress('c10', { hosts: { 'c10.test': { '/': 'web:80' } } })],
    requests: asks({ 'c10.test/': 'web', 'unknown.test/x': 'other' }),
    alone: { defaults: { backendService: { namespace: 'default', name: 'other' } } },
  },
  {
    title: 'the default backend of the flag serves the unmatched paths of known hosts, exact and wildcard',
    objects: [ingress('c11', { hosts: { 'c11.test': { '/x': 'web:80' }, '*.c11.test': { '/x': 'api:80' } } })],
    requests: asks({
      'c11.test/x': 'web',
      'c11.test/y': 'other',
      'a.c11.test/x': 'api',
      'a.c11.test/y': 'other',
      'a.b.c11.test/x': 'other',
    }),
    alone: { defaults: { backendService: { namespace: 'default', name: 'other' } } },
  },
  {
    title: 'a default backend in an Ingress is before that of the flag, for what it is for',
    objects: [
      ingress('c12', { hosts: { 'c12.test': { '/x': 'web:80' } }, defaultBackend: 'shop:80' }),
      ingress('c12-any', { defaultBackend: 'api:80' }),
      ingress('c12-plain', { hosts: { 'c12-plain.test': { '/x': 'web:80' } } }),
    ],
    requests: asks({ 'c12.test/y': 'shop', 'unknown.test/y': 'api', 'c12-plain.test/y': 'other' }),
    alone: { defaults: { backendService: { namespace: 'default', name: 'other' } } },
  },
];

export const hostCases: readonly IngressCase[] = [...spelling, ...wildcards, ...invalid, ...catchAll];
