/** Reads what the annotations of an Ingress, the ConfigMap and the defaults ask for, by the list of features. */
import type { Ingress } from '../cluster/kubernetes-object.ts';
import type { Backend } from '../model/backend.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { Policies } from '../model/policy.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import { unownedProblem } from './annotation-name.ts';
import { unownedKeyProblem } from './unowned-setting.ts';
import { clusterVariant } from './cluster-variant.ts';
import type { BackendVariant } from './cluster-variant.ts';
import type { AnyFeature, ClientAuthentication, ClientTls, Cost, Setting } from './feature.ts';
import { noObjects } from './object-lookup.ts';
import type { ObjectLookup } from './object-lookup.ts';
import { featureNamed, features } from './registry.ts';
import { hasControlCharacter } from './value.ts';

/** What is set for all Ingresses. */
export interface FeatureSettings {
  /** Of annotations, without the slash. */
  readonly prefix: string;
  /** The data of the ConfigMap, or what flags say under the same keys. */
  readonly configMap: Readonly<Record<string, string>>;
  /** Who is told what is wrong with `configMap`. */
  readonly object: ObjectRef;
  /** True when `object` is a ConfigMap that does not exist. */
  readonly isMissing?: boolean;
}

export const defaultSettings: FeatureSettings = {
  prefix: 'nginx.ingress.kubernetes.io',
  configMap: {},
  object: { kind: 'Flag', namespace: '', name: 'serve' },
};

export interface PolicyReading {
  readonly policies: Policies;
  /** Whether something that protects the paths cannot be kept: they answer 503. */
  readonly isClosed: boolean;
  /** Whether the Ingress has annotations of ours, and so is written for ingress-nginx. */
  readonly isAnnotated?: true;
  readonly problems: readonly Problem[];
}

/** What goes for an Ingress without annotations. */
export interface Defaults extends PolicyReading {
  readonly settings: FeatureSettings;
}

export function readDefaults(
  settings: FeatureSettings,
  objects: Omit<ObjectLookup, 'namespace'> = noObjects,
): Defaults {
  const lookup = new Lookup(settings, undefined, { ...objects, namespace: settings.object.namespace });
  const read = features.map((feature) => readFeature(feature, lookup));
  return { settings, ...gather([...read, ...readKeys(settings)]) };
}

/** What is to be said of the ConfigMap beyond what features say of their keys. */
function readKeys({ configMap, object, isMissing }: FeatureSettings): readonly FeatureReading[] {
  const found = Object.entries(configMap)
    .filter(([key]) => !ownedKeys.has(key))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, value]): readonly Problem[] => {
      const problem = unownedKeyProblem(key, value.trim(), [...ownedKeys]);
      return problem === undefined ? [] : [{ object, field: `data[${key}]`, ...problem }];
    });
  const problems = isMissing === true ? [...found, missing(object)] : found;
  const isClosed = problems.some(({ reason }) => reason === 'UnsupportedProtection');
  return [{ name: '', policy: undefined, isClosed, problems }];
}

function missing(object: ObjectRef): Problem {
  return {
    object,
    field: '',
    severity: 'error',
    reason: 'ConfigMapNotFound',
    message: 'the ConfigMap that --configmap names does not exist, so that its settings are the defaults',
    fix: 'create it, or correct the flag',
  };
}

/** Looks only at the features that the annotations name: an Ingress without any shares the policies of all such. */
export function readPolicies(
  { metadata }: Ingress,
  defaults: Defaults,
  objects: Omit<ObjectLookup, 'namespace'> = noObjects,
): PolicyReading {
  const { prefix } = defaults.settings;
  const written = new Map<string, string>();
  for (const key of Object.keys(metadata.annotations)) {
    if (key.startsWith(prefix) && key[prefix.length] === '/') {
      written.set(key.slice(prefix.length + 1), metadata.annotations[key]?.trim() ?? '');
    }
  }
  if (written.size === 0) return { ...defaults, problems: noProblems };
  const object = { kind: 'Ingress', namespace: metadata.namespace, name: metadata.name };
  const allowsOtherNamespaces = defaults.settings.configMap['allow-cross-namespace-resources']?.trim() === 'true';
  const found = { ...objects, namespace: metadata.namespace, allowsOtherNamespaces };
  const lookup = new Lookup(defaults.settings, { object, values: written }, found);
  const touched = new Set<AnyFeature>();
  const unowned: FeatureReading[] = [];
  for (const [name, value] of [...written].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const owner = owners.get(name);
    if (owner !== undefined) touched.add(owner);
    else if (value !== '') unowned.push(readUnowned(name, value, lookup));
  }
  const readings = features.map((feature): FeatureReading => {
    if (touched.has(feature)) return readFeature(feature, lookup);
    return { name: feature.name, policy: defaults.policies.byFeature[feature.name], isClosed: false, problems: [] };
  });
  // Whether the defaults are closed was said of them; what the Ingress says in their place may be good.
  const untouched = features.filter((feature) => !touched.has(feature));
  const own = { ...objects, namespace: defaults.settings.object.namespace };
  const isClosedByDefault =
    defaults.isClosed &&
    (readKeys(defaults.settings).some(({ isClosed }) => isClosed) ||
      untouched.some((feature) => readFeature(feature, new Lookup(defaults.settings, undefined, own)).isClosed));
  const all = gather([...readings, ...unowned]);
  return { ...all, isClosed: all.isClosed || isClosedByDefault, isAnnotated: true };
}

/** The annotations of ours, as they are written, but for those of features that are known to be harmless. */
export function protectionAsWritten({ metadata }: Ingress, prefix: string): Readonly<Record<string, string>> {
  const isOfProtection = (key: string): boolean =>
    key.startsWith(`${prefix}/`) && owners.get(key.slice(prefix.length + 1))?.isHarmless !== true;
  const written = Object.entries(metadata.annotations).map(([key, value]) => [key, value.trim()] as const);
  return Object.fromEntries(written.filter(([key, value]) => value !== '' && isOfProtection(key)));
}

/** Whether a path of the Ingress is a regular expression. */
export function usesRegex({ byFeature }: Policies, path: string): boolean {
  return Object.keys(byFeature).some((name) => featureNamed(name)?.usesRegex?.(byFeature[name], path) === true);
}

/** Other names of a host, see `Feature.aliases`. */
export function aliasesOf({ byFeature }: Policies, host: string): readonly string[] {
  return Object.keys(byFeature).flatMap((name) => featureNamed(name)?.aliases?.(byFeature[name], host) ?? []);
}

/** What the routes of a host talk to beside their backends, each once. */
export function upstreamsOf({ byFeature }: Policies, host: string, backend: Backend | undefined): readonly Backend[] {
  return Object.keys(byFeature).flatMap(
    (name) => featureNamed(name)?.upstreams?.(byFeature[name], host, backend) ?? [],
  );
}

/** Name of the Service that takes the place of one without endpoints, see `Feature.spareService`. */
export function spareService({ byFeature }: Policies): string | undefined {
  for (const name of Object.keys(byFeature)) {
    const service = featureNamed(name)?.spareService?.(byFeature[name]);
    if (service !== undefined) return service;
  }
  return undefined;
}

export function backendVariant({ byFeature }: Policies): BackendVariant | undefined {
  const policies: Record<string, unknown> = {};
  for (const name of Object.keys(byFeature)) {
    const data = featureNamed(name)?.backend?.(byFeature[name]);
    if (data !== undefined) policies[name] = data;
  }
  return Object.keys(policies).length === 0 ? undefined : clusterVariant(policies);
}

/** A backend as requests that came over TLS go to it. */
export function backendOverTls(backend: Backend): Backend {
  const { policies = {} } = backend;
  const others = Object.keys(policies).flatMap((name) => {
    const data = featureNamed(name)?.backendOverTls?.(policies[name]);
    return data === undefined ? [] : [[name, data] as const];
  });
  if (others.length === 0) return backend;
  return { ...backend, ...clusterVariant({ ...policies, ...Object.fromEntries(others) }) };
}

/** What TLS clients of a host are asked for. */
export function clientAuthenticationOf({ byFeature }: Policies): ClientAuthentication | undefined {
  return Object.keys(byFeature).flatMap((name) => featureNamed(name)?.clientAuthentication?.(byFeature[name]) ?? [])[0];
}

/** How TLS is spoken with clients of a host; undefined for as with all others. */
export function clientTlsOf({ byFeature }: Policies): ClientTls | undefined {
  return Object.keys(byFeature).flatMap((name) => featureNamed(name)?.tls?.(byFeature[name]) ?? [])[0];
}

/** Whether TLS connections to a host go to a backend as they are. */
export function isPassedThrough({ byFeature }: Policies): boolean {
  return Object.keys(byFeature).some((name) => featureNamed(name)?.isPassedThrough?.(byFeature[name]) === true);
}

/** Whether the Ingress serves nothing by itself, see `Feature.isAttached`. */
export function isAttached({ byFeature }: Policies): boolean {
  return Object.keys(byFeature).some((name) => featureNamed(name)?.isAttached?.(byFeature[name]) === true);
}

/** The policies of a path that the Ingress with the policies `attached` gives a second backend. */
export function attachedPolicies(own: Policies, attached: Policies): Policies {
  return combine(own, (feature) => {
    const [first, second] = [own.byFeature[feature.name], attached.byFeature[feature.name]];
    return second === undefined || feature.attach === undefined ? first : feature.attach(second, first);
  });
}

/** The policies of that second backend: those of the path, but for what is a matter of the backend. */
export function backendPolicies(own: Policies, attached: Policies): Policies {
  return combine(own, ({ name, isOfBackend }) =>
    isOfBackend === true ? attached.byFeature[name] : own.byFeature[name],
  );
}

/** Those of a default backend without rules. */
export function withoutRules(policies: Policies): Policies {
  return combine(policies, ({ name, isOfRules }) => (isOfRules === true ? undefined : policies.byFeature[name]));
}

function combine(own: Policies, policyOf: (feature: AnyFeature) => unknown): Policies {
  const chosen = features.map((feature) => [feature.name, policyOf(feature)] as const);
  const isChanged = chosen.some(([name, policy]) => policy !== own.byFeature[name]);
  return isChanged ? { byFeature: Object.fromEntries(chosen.filter(([, policy]) => policy !== undefined)) } : own;
}

/** Whether what the policies ask for depends on whether the backend has endpoints. */
export function checksAccess({ byFeature }: Policies): boolean {
  return Object.keys(byFeature).some((name) => featureNamed(name)?.isAccessCheck === true);
}

/** What requests of a path have to pass: equal, each by identity, for paths that are protected alike. */
export function checksOf({ byFeature }: Policies, path: string): readonly unknown[] {
  return Object.keys(byFeature).flatMap((name) => {
    const feature = featureNamed(name);
    const isChecked = feature?.isAccessCheck === true && feature.isExempt?.(byFeature[name], path) !== true;
    return isChecked ? [byFeature[name]] : [];
  });
}

/** Whether a policy is one of the host, of whose Ingresses the oldest that has it decides. */
export function isOfHost(name: string): boolean {
  return featureNamed(name)?.isOfHost === true;
}

/** Whether paths are open without a policy of the host that are not meant to be. */
export function mayProtect(name: string, policy: unknown): boolean {
  return featureNamed(name)?.mayProtect?.(policy) === true;
}

const noProblems: readonly Problem[] = Object.freeze([]);

const owners: ReadonlyMap<string, AnyFeature> = new Map(
  features.flatMap((feature) =>
    Object.values(feature.settings).flatMap(({ annotation, aliases = [] }) =>
      annotation === undefined ? [] : [annotation, ...aliases].map((name) => [name, feature] as const),
    ),
  ),
);

const ownedKeys: ReadonlySet<string> = new Set(
  features.flatMap((feature) => Object.values(feature.settings).flatMap(({ configMap }) => configMap ?? [])),
);

interface FeatureReading {
  readonly name: string;
  readonly policy: unknown;
  readonly isClosed: boolean;
  readonly problems: readonly Problem[];
}

/** A text that somebody wrote, and where. */
interface Written {
  readonly text: string;
  readonly object: ObjectRef;
  readonly field: string;
}

/** Where the value of a setting stands: in the Ingress, if one is being read, else in the ConfigMap. */
class Lookup {
  readonly settings: FeatureSettings;
  readonly objects: ObjectLookup;
  readonly #ingress: { readonly object: ObjectRef; readonly values: ReadonlyMap<string, string> } | undefined;

  constructor(
    settings: FeatureSettings,
    ingress: { readonly object: ObjectRef; readonly values: ReadonlyMap<string, string> } | undefined,
    objects: ObjectLookup,
  ) {
    this.settings = settings;
    this.objects = objects;
    this.#ingress = ingress;
  }

  annotation(name: string): Written | undefined {
    const text = this.#ingress?.values.get(name);
    if (this.#ingress === undefined || text === undefined || text === '') return undefined;
    return { text, object: this.#ingress.object, field: `metadata.annotations[${this.settings.prefix}/${name}]` };
  }

  /** From the first place in which it stands to the last. */
  *places({ annotation, aliases = [], configMap }: Setting<unknown>): Generator<Written & { readonly isOwn: boolean }> {
    const names = annotation === undefined ? [] : [annotation, ...aliases];
    const own = names.flatMap((name) => this.annotation(name) ?? [])[0];
    if (own !== undefined) yield { ...own, isOwn: true };
    const text = configMap === undefined ? '' : (this.settings.configMap[configMap] ?? '').trim();
    const { object } = this.settings;
    const field = object.kind === 'ConfigMap' ? `data[${configMap ?? ''}]` : `--${configMap ?? ''}`;
    // What is wrong with the ConfigMap is said once, when it is read by itself.
    if (text !== '') yield { text, object, field, isOwn: this.#ingress === undefined };
  }
}

function readFeature(feature: AnyFeature, lookup: Lookup): FeatureReading {
  const values: Record<string, unknown> = {};
  const problems: Problem[] = [];
  let isClosed = false;
  let isDropped = false;
  const fault = (
    { onInvalid = 'default' }: Setting<unknown>,
    place: Written,
    isOwn: boolean,
    message: string,
    fix: string,
    cost: Cost = onInvalid,
  ): void => {
    isClosed ||= cost === 'closed';
    isDropped ||= cost === 'no policy';
    const costs = outcomes[cost];
    if (isOwn) problems.push(problemOf(place, costs.reason, `${message}; ${costs.text}`, fix));
  };
  for (const [key, setting] of Object.entries(feature.settings)) {
    values[key] = setting.default;
    for (const place of lookup.places(setting)) {
      const parsed = hasControlCharacter(
        setting.hasLines === true ? place.text.replaceAll(/[\n\r\t]/g, ' ') : place.text,
      )
        ? ({
            kind: 'invalid',
            why: 'holds a line break or another control character',
            fix: 'write it in one line',
          } as const)
        : setting.parse(place.text);
      if (parsed.kind === 'valid') {
        values[key] = parsed.value;
        break;
      }
      fault(setting, place, place.isOwn, `${show(place.text)} ${parsed.why}`, parsed.fix);
    }
  }
  const report = (key: string, message: string, fix: string, cost?: Cost): void => {
    const setting = feature.settings[key];
    const place = setting && [...lookup.places(setting)][0];
    if (setting !== undefined && place !== undefined) fault(setting, place, place.isOwn, message, fix, cost);
  };
  const policy = feature.policy(values, report, lookup.objects);
  return { name: feature.name, policy: isDropped || isClosed ? undefined : policy, isClosed, problems };
}

const outcomes = {
  default: { reason: 'InvalidAnnotation', text: 'it is left out' },
  'no policy': { reason: 'InvalidAnnotation', text: 'the whole policy is left out' },
  closed: { reason: 'InvalidProtection', text: 'so that nothing is open that should not be, its paths answer 503' },
  'host closed': {
    reason: 'InvalidProtection',
    text: 'so that nothing is open that should not be, all paths of its hosts are closed',
  },
} as const;

function readUnowned(name: string, value: string, lookup: Lookup): FeatureReading {
  const { reason, severity, message, fix } = unownedProblem(name, value, [...owners.keys()]);
  const place = lookup.annotation(name);
  const problems = place === undefined ? [] : [{ ...problemOf(place, reason, message, fix), severity }];
  return { name, policy: undefined, isClosed: reason === 'UnsupportedProtection', problems };
}

function gather(read: readonly FeatureReading[]): PolicyReading {
  const byFeature: Record<string, unknown> = {};
  for (const { name, policy } of read) if (policy !== undefined) byFeature[name] = policy;
  return {
    policies: { byFeature },
    isClosed: read.some(({ isClosed }) => isClosed),
    problems: read.flatMap(({ problems }) => problems),
  };
}

function problemOf({ object, field }: Written, reason: ProblemReason, message: string, fix: string): Problem {
  return { object, field, severity: 'error', reason, message, fix };
}

/** A value as it can stand in a message. */
function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
