/** Which Ingresses are ours: by IngressClass, by the legacy annotation, by default class or by flag. */
import type { Ingress, IngressClass } from '../cluster/kubernetes-object.ts';
import type { Problem } from '../model/problem.ts';

export interface ClassPolicy {
  /** Values of the annotation `kubernetes.io/ingress.class` that are ours. */
  readonly names: readonly string[];
  /** Values of `IngressClass.spec.controller` that are ours. */
  readonly controllers: readonly string[];
  /** Whether an Ingress that names no class at all is ours. */
  readonly watchWithoutClass: boolean;
  /** IngressClasses are not known: a class is ours when it has one of `names`. */
  readonly byNameOnly?: boolean;
}

export interface ClassVerdict {
  readonly ours: boolean;
  readonly problems: readonly Problem[];
}

export interface ClassLookup {
  readonly byName: (name: string) => IngressClass | undefined;
  /** Whether an IngressClass of ours is marked as the default class. */
  readonly hasDefault: () => boolean;
}

const legacyAnnotation = 'kubernetes.io/ingress.class';
const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';

export function isOurClass(ingressClass: IngressClass, policy: ClassPolicy): boolean {
  return policy.controllers.includes(ingressClass.spec.controller);
}

export function isDefaultClass(ingressClass: IngressClass): boolean {
  return ingressClass.metadata.annotations[defaultAnnotation] === 'true';
}

/** Decides by `spec.ingressClassName`, then by the annotation, then by what goes for an Ingress without a class. */
export function selectIngress(ingress: Ingress, policy: ClassPolicy, classes: ClassLookup): ClassVerdict {
  const className = ingress.spec.ingressClassName;
  if (className !== undefined) return selectByName(ingress, className, policy, classes);
  const legacy = ingress.metadata.annotations[legacyAnnotation];
  if (legacy !== undefined && legacy !== '') return { ours: policy.names.includes(legacy), problems: [] };
  return { ours: policy.watchWithoutClass || classes.hasDefault(), problems: [] };
}

function selectByName(ingress: Ingress, className: string, policy: ClassPolicy, classes: ClassLookup): ClassVerdict {
  if (policy.byNameOnly === true) return { ours: policy.names.includes(className), problems: [] };
  const ingressClass = classes.byName(className);
  if (ingressClass !== undefined) return { ours: isOurClass(ingressClass, policy), problems: [] };
  if (!policy.names.includes(className)) return { ours: false, problems: [] };
  const { namespace, name } = ingress.metadata;
  const problem: Problem = {
    object: { kind: 'Ingress', namespace, name },
    field: 'spec.ingressClassName',
    severity: 'error',
    reason: 'IngressClassNotFound',
    message: `no IngressClass is named "${className}", so this Ingress is not served`,
    fix: `create the IngressClass "${className}" with spec.controller: ${policy.controllers[0] ?? ''}`,
  };
  return { ours: false, problems: [problem] };
}
