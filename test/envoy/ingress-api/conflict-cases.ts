/** Where two ask for the same: the older one is served, and the other is told. Nobody else notices. */
import { ingress } from '../../support/objects.ts';
import { asks, ingressWithRules } from './case.ts';
import type { IngressCase } from './case.ts';

const old = '2025-01-01T00:00:00Z';
const young = '2026-01-01T00:00:00Z';

export const conflictCases: readonly IngressCase[] = [
  {
    title: 'the older of two Ingresses with the same path is served',
    objects: [
      ingress('k1-a', { hosts: { 'k1.test': { '/': 'web:80' } }, created: young }),
      ingress('k1-b', { hosts: { 'k1.test': { '/': 'api:80' } }, created: old }),
    ],
    requests: asks({ 'k1.test/': 'api' }),
    problems: ['Ingress default/k1-a spec.rules[0].http.paths[0] PathConflict'],
  },
  {
    title: 'of two Ingresses of the same age the first by name is served',
    objects: [
      ingress('k2-b', { hosts: { 'k2.test': { '/': 'web:80' } }, created: old }),
      ingress('k2-a', { hosts: { 'k2.test': { '/': 'api:80' } }, created: old }),
    ],
    requests: asks({ 'k2.test/': 'api' }),
    problems: ['Ingress default/k2-b spec.rules[0].http.paths[0] PathConflict'],
  },
  {
    title: 'of two Ingresses of the same age the first by namespace is served',
    objects: [
      ingress('k3-a', { namespace: 'team', hosts: { 'k3.test': { '/': 'web:80' } }, created: old }),
      ingress('k3-b', { hosts: { 'k3.test': { '/': 'api:80' } }, created: old }),
    ],
    requests: asks({ 'k3.test/': 'api' }),
    problems: ['Ingress team/k3-a spec.rules[0].http.paths[0] PathConflict'],
  },
  {
    title: 'the loser of a path keeps its other paths',
    objects: [
      ingress('k4-a', { hosts: { 'k4.test': { '/': 'web:80' } }, created: old }),
      ingress('k4-b', { hosts: { 'k4.test': { '/': 'api:80', '/own': 'api:80' } }, created: young }),
    ],
    requests: asks({ 'k4.test/': 'web', 'k4.test/own': 'api' }),
    problems: ['Ingress default/k4-b spec.rules[0].http.paths[0] PathConflict'],
  },
  {
    title: 'prefixes that differ in the slash at their end are the same path',
    objects: [
      ingress('k5-a', { hosts: { 'k5.test': { '/a/': 'web:80' } }, created: old }),
      ingress('k5-b', { hosts: { 'k5.test': { '/a': 'api:80' } }, created: young }),
    ],
    requests: asks({ 'k5.test/a': 'web', 'k5.test/a/': 'web' }),
    problems: ['Ingress default/k5-b spec.rules[0].http.paths[0] PathConflict'],
  },
  {
    title: 'an exact path and a prefix of the same text are no conflict',
    objects: [
      ingress('k6-a', { hosts: { 'k6.test': { '/a': 'web:80' } }, created: old }),
      ingress('k6-b', { hosts: { 'k6.test': { '=/a': 'api:80' } }, created: young }),
    ],
    requests: asks({ 'k6.test/a': 'api', 'k6.test/a/': 'web' }),
    problems: [],
  },
  {
    title: 'hosts that differ in case are the same host',
    objects: [
      ingress('k7-a', { hosts: { 'K7.test': { '/': 'web:80' } }, created: old }),
      ingress('k7-b', { hosts: { 'k7.TEST': { '/': 'api:80' } }, created: young }),
    ],
    requests: asks({ 'k7.test/': 'web' }),
    problems: ['Ingress default/k7-b spec.rules[0].http.paths[0] PathConflict'],
  },
  {
    title: 'a path written twice in one Ingress goes to the first',
    objects: [
      ingressWithRules('k8', [
        ['k8.test', { '/a': 'web' }],
        ['k8.test', { '/a': 'api' }],
      ]),
    ],
    requests: asks({ 'k8.test/a': 'web' }),
    problems: ['Ingress default/k8 spec.rules[1].http.paths[0] PathConflict'],
  },
  {
    title: 'the older of two default backends of a host serves its unmatched paths',
    objects: [
      ingress('k9-a', { hosts: { 'k9.test': { '/a': 'web:80' } }, defaultBackend: 'other:80', created: old }),
      ingress('k9-b', { hosts: { 'k9.test': { '/b': 'api:80' } }, defaultBackend: 'shop:80', created: young }),
    ],
    requests: asks({ 'k9.test/a': 'web', 'k9.test/b': 'api', 'k9.test/c': 'other' }),
    problems: ['Ingress default/k9-b spec.defaultBackend DefaultBackendConflict'],
  },
  {
    title: 'an ACME solver’s exact path takes its place in a host of another, older Ingress',
    objects: [
      ingress('k10-a', { hosts: { 'k10.test': { '/': 'web:80' } }, created: old }),
      ingress('k10-b', { hosts: { 'k10.test': { '=/.well-known/acme-challenge/abc': 'api:80' } }, created: young }),
    ],
    requests: asks({ 'k10.test/.well-known/acme-challenge/abc': 'api', 'k10.test/x': 'web' }),
    problems: [],
  },
  {
    title: 'ImplementationSpecific and Prefix of the same path are a conflict',
    objects: [
      ingress('k11-a', { hosts: { 'k11.test': { '/a': 'web:80' } }, created: old }),
      ingress('k11-b', { hosts: { 'k11.test': { '~/a': 'api:80' } }, created: young }),
    ],
    requests: asks({ 'k11.test/a': 'web' }),
    problems: ['Ingress default/k11-b spec.rules[0].http.paths[0] PathConflict'],
  },
  {
    title: 'an older path whose Service is missing still wins, and answers 503',
    objects: [
      ingress('k12-a', { hosts: { 'k12.test': { '/': 'nobody:80' } }, created: old }),
      ingress('k12-b', { hosts: { 'k12.test': { '/': 'api:80' } }, created: young }),
    ],
    requests: asks({ 'k12.test/': '503' }),
    problems: [
      'Ingress default/k12-a spec.rules[0].http.paths[0] ServiceNotFound',
      'Ingress default/k12-b spec.rules[0].http.paths[0] PathConflict',
    ],
  },
];
