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
  /** Whether an Ingress that names a class of ours is ours although no such IngressClass is known. */
  readonly areOptional?: boolean;
  /** Whether an IngressClass with one of `names` is ours, whatever its controller. */
  readonly byName?: boolean;
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
  const { controllers, names, byName } = policy;
  return (
    controllers.includes(ingressClass.spec.controller) ||
    (byName === true && names.includes(ingressClass.metadata.name))
  );
}

export function isDefaultClass(ingressClass: IngressClass): boolean {
  return ingressClass.metadata.annotations[defaultAnnotation] === 'true';
}

/** The class that decides: of the annotation, else of the field; undefined where neither is set. */
export function classNameOf({ metadata, spec }: Ingress): string | undefined {
  const legacy = metadata.annotations[legacyAnnotation] ?? '';
  return legacy === '' ? spec.ingressClassName : legacy;
}

/**
 * Decides by the annotation, which is older than the field and before it (IngressSpec.ingressClassName of
 * `networking.k8s.io/v1`), then by `spec.ingressClassName`, then by what goes for an Ingress without a class.
 */
export function selectIngress(ingress: Ingress, policy: ClassPolicy, classes: ClassLookup): ClassVerdict {
  const className = ingress.spec.ingressClassName;
  const legacy = ingress.metadata.annotations[legacyAnnotation] ?? '';
  if (legacy !== '') return selectByAnnotation(ingress, legacy, policy, classes);
  if (className !== undefined) return selectByName(ingress, className, policy, classes);
  if (policy.watchWithoutClass || classes.hasDefault()) return { ours: true, problems: [] };
  return notOurs(ingress, {
    field: 'spec.ingressClassName',
    severity: 'info',
    reason: 'IngressWithoutClass',
    message: 'this Ingress names no class and no class of ours is the default, so it is not served',
    fix: `set spec.ingressClassName, for example to "${policy.names[0] ?? ''}"`,
  });
}

/** The value is one of the names we go by, or the name of an IngressClass of ours. */
function selectByAnnotation(ingress: Ingress, legacy: string, policy: ClassPolicy, classes: ClassLookup): ClassVerdict {
  const isOurs = (name: string): boolean => {
    const ingressClass = classes.byName(name);
    return ingressClass !== undefined && isOurClass(ingressClass, policy);
  };
  const ours = policy.names.includes(legacy) || isOurs(legacy);
  const { ingressClassName } = ingress.spec;
  if (ingressClassName === undefined || ingressClassName === legacy) return { ours, problems: [] };
  // Whose Ingress it is not by either of the two is none of our business.
  if (!ours && !isOurs(ingressClassName)) return { ours, problems: [] };
  const outcome = ours ? 'served' : 'not served';
  const { problems } = notOurs(ingress, {
    field: `metadata.annotations[${legacyAnnotation}]`,
    severity: 'warning',
    reason: 'ClassConflict',
    message: `the annotation says "${legacy}" and spec.ingressClassName "${ingressClassName}"; the annotation decides, so this Ingress is ${outcome}`,
    fix: 'remove the annotation',
  });
  return { ours, problems };
}

function selectByName(ingress: Ingress, className: string, policy: ClassPolicy, classes: ClassLookup): ClassVerdict {
  if (policy.byNameOnly === true) return { ours: policy.names.includes(className), problems: [] };
  const ingressClass = classes.byName(className);
  if (ingressClass !== undefined) return { ours: isOurClass(ingressClass, policy), problems: [] };
  const isMeant = policy.names.includes(className);
  if (isMeant && policy.areOptional === true) return { ours: true, problems: [] };
  return notOurs(ingress, {
    field: 'spec.ingressClassName',
    severity: isMeant ? 'error' : 'info',
    reason: isMeant ? 'IngressClassNotFound' : 'IngressClassUnknown',
    message: `no IngressClass is named "${className}", so this Ingress is not served`,
    fix: isMeant
      ? `create the IngressClass "${className}" with spec.controller: ${policy.controllers[0] ?? ''}`
      : `name an IngressClass that exists, or create "${className}"`,
  });
}

function notOurs({ metadata }: Ingress, problem: Omit<Problem, 'object'>): ClassVerdict {
  const object = { kind: 'Ingress', namespace: metadata.namespace, name: metadata.name };
  return { ours: false, problems: [{ object, ...problem }] };
}
