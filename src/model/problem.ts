import type { ObjectRef } from './object-ref.ts';

/**
 * What a user wrote wrong, as data: it is collected and shown, never thrown, and it costs only what it is about.
 * `error` means that something the user asked for is not served; `warning`, that it is served otherwise than they may think;
 * `info`, that an object is left to others, which may be what the user wants: it is shown, and written to no object.
 */
export interface Problem {
  readonly object: ObjectRef;
  /** Path of the field inside the object, as `kubectl explain` writes it: `spec.rules[0].host`. Empty for the whole object. */
  readonly field: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly reason: ProblemReason;
  /** What is wrong, with the offending value. One sentence without a full stop. */
  readonly message: string;
  /** What to do about it. One sentence without a full stop. */
  readonly fix: string;
}

/** Every reason there is, with what it means; the documentation lists them from here. */
export const problemReasons = {
  FileUnreadable: 'A manifest file or folder cannot be read, or is empty now; its last good content stays.',
  InvalidYaml: 'A manifest file is not valid YAML; its last good content stays.',
  InvalidObject:
    'A field of an object is missing or has the wrong type; the last good form of the file or object stays.',
  DuplicateObject: 'Two manifest documents define the same object; the first by file name and position is used.',
  UnsupportedKind:
    'A manifest document is of a kind that Sluice reads, but in an API version that it does not; it is passed over.',
  IngressClassNotFound: 'spec.ingressClassName names an IngressClass that does not exist; the Ingress is not served.',
  IngressClassUnknown:
    'spec.ingressClassName names an IngressClass that does not exist and is not ours by name; the Ingress is not served.',
  IngressWithoutClass: 'An Ingress names no class, and no class of ours is the default; it is not served.',
  ClassConflict:
    'The annotation kubernetes.io/ingress.class and spec.ingressClassName differ, and one is ours; the annotation decides.',
  InvalidHost:
    'A host is not a DNS name, or has a wildcard elsewhere than as its whole first label; the rule is not served, or its Ingress stays as it was.',
  InvalidPath:
    'A path is not absolute or holds characters that no request path can have; it is not served, or its Ingress stays as it was.',
  TooManyPaths:
    'An Ingress has more than 10,000 paths; those after the first 10,000 are not served, or it stays as it was.',
  PathConflict: 'Another, older Ingress already has the same host and path; the older one is served.',
  DefaultBackendConflict: 'Another, older Ingress already is the default backend; the older one is served.',
  ServiceNotFound: 'The Service of a backend does not exist; its paths answer 503.',
  ServicePortNotFound: 'The Service of a backend has no such port; its paths answer 503.',
  NoEndpoints: 'The Service of a backend has no ready endpoint; its paths answer 503.',
  EndpointRefused:
    'An EndpointSlice names an address that, to an Envoy, is its own machine, network or cloud; it is not used.',
  UnsupportedBackend:
    'The backend is of a kind that is not served (resource backend, ExternalName unless allowed); its paths answer 503.',
  TrafficPolicyNotKept:
    'A Service asks for endpoints on the same node, which shared Envoys cannot keep to; all are used.',
  CertificateNotFound:
    'The Secret of a TLS entry does not exist; its hosts keep what they had, else the default certificate.',
  InvalidCertificate:
    'The Secret of a TLS entry holds no usable certificate and key; it is not sent to any Envoy, and its hosts keep what they had.',
  CertificateExpired:
    'The certificate of a TLS entry has expired; it replaces nothing, and its hosts keep what they had.',
  CertificateNotYetValid:
    'The certificate of a TLS entry is not valid yet; until then it replaces nothing, and its hosts keep what they had.',
  CertificateHostMismatch: 'The certificate of a TLS entry is not for one of its hosts; it is served all the same.',
  TlsWithoutSecret: 'A TLS entry names no Secret; its hosts are served with the default certificate, if there is one.',
  CertificateConflict: 'Another, older Ingress names a different Secret for the same host; the older one is served.',
  InvalidAnnotation:
    'The value of an annotation or of a ConfigMap key cannot be used; what it asks for is left out, all else is served.',
  InvalidProtection:
    'The value of an annotation or of a ConfigMap key that protects paths cannot be used; these paths answer 503.',
  UnsupportedAnnotation: 'An annotation of ingress-nginx is not supported; it does nothing.',
  UnsupportedProtection:
    'An annotation of ingress-nginx that protects paths is not supported; the paths of the Ingress answer 503.',
  ConfigMapNotFound: 'The ConfigMap with the settings for all Ingresses does not exist; the defaults go.',
  UnsupportedSetting: "A key of ingress-nginx's ConfigMap is not supported; it does nothing.",
  NeedlessSetting: "A key of ingress-nginx's ConfigMap has no meaning here, and nothing is lost by that.",
  UnknownSetting: 'The ConfigMap has a key that nobody knows; it does nothing.',
  UnknownAnnotation: 'An annotation has the prefix of ours, and a name that nobody knows; it does nothing.',
  HostPolicyConflict:
    'Another, older Ingress decides this for the whole host; where it protects paths, those of the younger one answer 503.',
  HostNotOwned:
    'With --host-ownership=namespace: the host belongs to the namespace of an older Ingress; it is not served.',
  CanaryWithoutMain:
    'No other Ingress of the namespace serves the host and path that an Ingress is the canary of; it gets no requests.',
  CanaryConflict:
    'Another, older Ingress is the canary of the same path already, or the canary has the Service of the main Ingress; it gets no requests.',
  ResourceRefused:
    "What an object asks for would be a part of Envoy's configuration that breaks a rule, and is not sent; the message says what happens instead.",
  RefusedByEnvoy:
    'Envoys refuse what follows from an object; its last good form stays, or its paths answer 503, or it is left out, until it changes.',
  RefusedByOneEnvoy:
    'One Envoy refuses what others have in use; it goes on with what it had, and nothing changes for the others.',
  InternalError:
    'Sluice itself fails at what the object asks for, which is a bug; the last good form of what failed stays.',
} as const;

export type ProblemReason = keyof typeof problemReasons;

/** Total order of problems, so that lists of them do not depend on the order of arrival. */
export function compareProblems(a: Problem, b: Problem): number {
  return compareText(problemKey(a), problemKey(b));
}

function problemKey(problem: Problem): string {
  const { kind, namespace, name } = problem.object;
  return [kind, namespace, name, problem.field, problem.reason, problem.message].join('\u0000');
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
