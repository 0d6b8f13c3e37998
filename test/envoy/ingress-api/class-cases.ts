/** Classes: which Ingresses are ours. Each case is served by itself, since a default class is there for all of them. */
import type { IngressClass, KubernetesObject } from '../../../src/cluster/kubernetes-object.ts';
import type { ClassPolicy } from '../../../src/ingress/class.ts';
import { ingress, ingressClass } from '../../support/objects.ts';
import type { IngressParts } from '../../support/objects.ts';
import { asks } from './case.ts';
import type { IngressCase } from './case.ts';

const ours = 'sluice.dev/ingress-controller';
const nginx = 'k8s.io/ingress-nginx';
const policy: ClassPolicy = { names: ['sluice'], controllers: [ours], watchWithoutClass: false };
const takeOver: ClassPolicy = { names: ['sluice', 'nginx'], controllers: [ours, nginx], watchWithoutClass: false };

const legacy = (name: string): Readonly<Record<string, string>> => ({ 'kubernetes.io/ingress.class': name });

/** One Ingress of the host `class.test` beside these classes, and whether it is served. */
function c(
  title: string,
  classes: readonly IngressClass[],
  parts: IngressParts,
  expected: 'served' | 'not served',
  more: { readonly policy?: ClassPolicy; readonly problems?: readonly string[] } = {},
): IngressCase {
  const objects: readonly KubernetesObject[] = [
    ...classes,
    ingress('it', { hosts: { 'class.test': { '/': 'web:80' } }, ...parts }),
  ];
  return {
    title,
    objects,
    requests: asks({ 'class.test/': expected === 'served' ? 'web' : '404' }),
    problems: (more.problems ?? []).map((problem) => `Ingress default/it ${problem}`),
    alone: { classes: more.policy ?? policy },
  };
}

const none = { className: null } as const;
const unclassified = ['spec.ingressClassName IngressWithoutClass'];

export const classCases: readonly IngressCase[] = [
  c('an Ingress of a class of our controller is served', [ingressClass()], {}, 'served'),
  c(
    'the name of a class does not matter, its controller does',
    [ingressClass('edge')],
    { className: 'edge' },
    'served',
  ),
  c(
    'an Ingress of a class of another controller is not ours',
    [ingressClass('sluice', 'else.dev/x')],
    {},
    'not served',
  ),
  c('an Ingress of our class is told when the class does not exist', [], {}, 'not served', {
    problems: ['spec.ingressClassName IngressClassNotFound'],
  }),
  c('an Ingress of a class that nobody has is shown', [ingressClass()], { className: 'nobody' }, 'not served', {
    problems: ['spec.ingressClassName IngressClassUnknown'],
  }),
  c('an Ingress without a class is not served, and is shown', [ingressClass()], none, 'not served', {
    problems: unclassified,
  }),
  c('an Ingress without a class belongs to the default class', [ingressClass('sluice', ours, true)], none, 'served'),
  c(
    'the default class of another controller gives us nothing',
    [ingressClass('else', 'else.dev/x', true), ingressClass()],
    none,
    'not served',
    { problems: unclassified },
  ),
  c(
    'of two default classes ours is enough',
    [ingressClass('else', 'else.dev/x', true), ingressClass('sluice', ours, true)],
    none,
    'served',
  ),
  c('an Ingress without a class is served when the flag says so', [], none, 'served', {
    policy: { ...policy, watchWithoutClass: true },
  }),
  c(
    'that flag is not for Ingresses of another class',
    [ingressClass('else', 'else.dev/x')],
    { className: 'else' },
    'not served',
    {
      policy: { ...policy, watchWithoutClass: true },
    },
  ),
  c(
    'that flag is not for Ingresses with the annotation of another class',
    [],
    { ...none, annotations: legacy('else') },
    'not served',
    {
      policy: { ...policy, watchWithoutClass: true },
    },
  ),
  c(
    'the old annotation with our class is enough, without an IngressClass',
    [],
    { ...none, annotations: legacy('sluice') },
    'served',
  ),
  c(
    'the old annotation may name any class of our controller',
    [ingressClass('edge')],
    { ...none, annotations: legacy('edge') },
    'served',
  ),
  c(
    'the old annotation with another class is not ours',
    [ingressClass()],
    { ...none, annotations: legacy('else') },
    'not served',
  ),
  c(
    'an empty old annotation says nothing',
    [ingressClass('sluice', ours, true)],
    { ...none, annotations: legacy('') },
    'served',
  ),
  c(
    'the old annotation is before the default class',
    [ingressClass('sluice', ours, true)],
    { ...none, annotations: legacy('else') },
    'not served',
  ),
  c(
    'the old annotation is before the field, and says so',
    [ingressClass(), ingressClass('else', 'else.dev/x')],
    { className: 'else', annotations: legacy('sluice') },
    'served',
    {
      problems: ['metadata.annotations[kubernetes.io/ingress.class] ClassConflict'],
    },
  ),
  c(
    'the old annotation is before the field, and says so when that takes the Ingress from us',
    [ingressClass()],
    { annotations: legacy('else') },
    'not served',
    {
      problems: ['metadata.annotations[kubernetes.io/ingress.class] ClassConflict'],
    },
  ),
  c(
    'the old annotation and the field with the same class are in order',
    [ingressClass()],
    { annotations: legacy('sluice') },
    'served',
  ),
  c(
    'a class of ingress-nginx is taken over by its controller',
    [ingressClass('nginx', nginx)],
    { className: 'nginx' },
    'served',
    { policy: takeOver },
  ),
  c(
    'a class of ingress-nginx by another name is taken over too',
    [ingressClass('internal', nginx)],
    { className: 'internal' },
    'served',
    { policy: takeOver },
  ),
  c(
    'the old annotation of ingress-nginx is taken over',
    [ingressClass('nginx', nginx)],
    { ...none, annotations: legacy('nginx') },
    'served',
    { policy: takeOver },
  ),
  c(
    'our own class is served beside that of ingress-nginx',
    [ingressClass('nginx', nginx), ingressClass()],
    {},
    'served',
    { policy: takeOver },
  ),
  c(
    'a class of ingress-nginx is not ours unless we are told so',
    [ingressClass('nginx', nginx)],
    { className: 'nginx' },
    'not served',
  ),
  c('a class without a controller belongs to nobody', [ingressClass('sluice', '')], {}, 'not served'),
];
