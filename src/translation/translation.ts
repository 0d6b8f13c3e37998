/**
 * The whole translation: Kubernetes objects in, encoded Envoy resources and Problems out. A change recomputes what it
 * touches: an Ingress, the hosts it names, the backends these use.
 */
import { isDeepStrictEqual } from 'node:util';
import { Graph } from '../cluster/table.ts';
import { fingerprintOf, heldForm } from '../cluster/held-object.ts';
import type { HeldObject } from '../cluster/held-object.ts';
import type { Changes, Input, Table } from '../cluster/table.ts';
import type { Ingress, Kind, KubernetesObject } from '../cluster/kubernetes-object.ts';
import { changesVerdict } from '../ingress/certificate-choice.ts';
import { defaultSettings, protectionAsWritten, readPolicies } from '../features/policies.ts';
import type { FeatureSettings } from '../features/policies.ts';
import type { ClassPolicy } from '../ingress/class.ts';
import { mayStandFor } from '../ingress/earlier-form.ts';
import type { Form } from '../ingress/earlier-form.ts';
import type { FlagDefaults } from '../ingress/flag-reading.ts';
import type { Certificate } from '../model/certificate.ts';
import type { Host, HostOwnership } from '../model/host.ts';
import { objectKey } from '../model/object-ref.ts';
import { compareProblems } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { ListenAddress } from '../translate/listener.ts';
import type { ResourceChange } from '../xds/view.ts';
import { failureProblems } from './failure-problems.ts';
import { refusalProblems } from './refusal-problems.ts';
import { settingsTable } from './settings-table.ts';
import { resourceTables } from './resource-tables.ts';
import type { ResourceTable } from './resource-tables.ts';
import { ownFaults } from './own-faults.ts';
import { objectsBy, routingTables } from './routing-tables.ts';
import { suspectsOf } from './suspects.ts';
import type { ObjectKey } from './suspects.ts';
import type { CertificateHistory, ObjectTables, RoutingTables, Verdict } from './routing-tables.ts';

export interface TranslationOptions {
  readonly classes: ClassPolicy;
  readonly listen: ListenAddress;
  readonly defaults: FlagDefaults;
  /** Whether Services of type ExternalName are served; no when left out. */
  readonly allowExternalNames?: boolean;
  /** Whether endpoints may be addresses of Envoy's own machine and the like; yes when left out. */
  readonly allowLocalEndpoints?: boolean;
  /** What other namespaces than that of its oldest Ingress may say of a host; nothing that goes for the whole host when left out. */
  readonly hostOwnership?: HostOwnership;
  /** Where annotations and their defaults are; `configure` changes it later. */
  readonly features?: Partial<FeatureSettings>;
  /** The ConfigMap with the settings for all Ingresses, which then are as it says. */
  readonly configMap?: { readonly namespace: string; readonly name: string };
}

/** What an object is now, or undefined when it is gone. */
export interface ObjectUpdate {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly object: KubernetesObject | undefined;
}

/** What is wrong with a computed value is kept with it. */
interface Judged {
  readonly problems: readonly Problem[];
}

export class Translation {
  readonly #graph = new Graph();
  readonly #objects: ObjectTables;
  readonly #history: CertificateHistory;
  readonly #settings: Input<FeatureSettings>;
  readonly #standIn: Input<Certificate> = this.#graph.input('default certificate');
  readonly #routing: RoutingTables;
  readonly #resources: readonly ResourceTable[];
  readonly #judged: readonly Table<Judged>[];
  readonly #verdicts: Table<Verdict>;
  readonly #problems = new Map<string, readonly Problem[]>();
  /** Objects that another form stands for, by kind and key, and what they are. */
  readonly #held = new Map<string, { readonly held: HeldObject; readonly object: KubernetesObject | undefined }>();
  readonly #settingsMap: string | undefined;
  #touchedIngresses = new Set<string>();
  /** One list for each value that cannot be computed. */
  #failures: readonly (readonly Problem[])[] = [];
  #problemChanges = 0;

  constructor(options: TranslationOptions) {
    this.#objects = {
      IngressClass: this.#graph.input('IngressClass'),
      Ingress: this.#graph.input('Ingress', sameButStatus),
      Service: this.#graph.input('Service'),
      EndpointSlice: this.#graph.input('EndpointSlice'),
      Secret: this.#graph.input('Secret'),
      ConfigMap: this.#graph.input('ConfigMap'),
    };
    this.#history = {
      lastGood: this.#graph.input('last good certificates'),
      checkedAt: this.#graph.input('last looks at validity', Object.is),
    };
    this.#settingsMap = options.configMap && objectKey(options.configMap);
    const { allowExternalNames = false, allowLocalEndpoints = true, hostOwnership = 'policies' } = options;
    const policy = { allowExternalNames, allowLocalEndpoints };
    const { classes, defaults } = options;
    this.#settings = this.#graph.input('settings of features');
    this.configure({ ...defaultSettings, ...options.features });
    const history = this.#history;
    const settings = settingsTable(this.#graph, this.#settings, this.#objects.ConfigMap, options.configMap);
    const routing = routingTables(
      this.#graph,
      this.#objects,
      classes,
      defaults,
      policy,
      history,
      settings,
      hostOwnership,
    );
    this.#routing = routing;
    this.#verdicts = routing.verdicts;
    this.#judged = [
      routing.defaults,
      routing.verdicts,
      routing.hosts,
      routing.backends,
      routing.endpoints,
      routing.certificates,
    ];
    this.#resources = resourceTables(this.#graph, routing, options.listen, this.#standIn);
  }

  /**
   * Notes what objects are now; `commit` computes what follows from it. An object that is held stays so as long as it is as it was.
   *
   * @param now milliseconds since 1970, by which the validity of certificates is judged; left out, they count as valid
   */
  update(updates: readonly ObjectUpdate[], now?: number): void {
    for (const { kind, namespace, name, object } of updates) {
      const key = objectKey({ namespace, name });
      const id = `${kind} ${key}`;
      const held = this.#held.get(id)?.held;
      if (held !== undefined && (object === undefined || fingerprintOf(object) === held.fingerprint)) {
        this.#held.set(id, { held, object });
        this.#use(kind, key, object && heldForm(held.form, object), now);
      } else {
        this.#held.delete(id);
        this.#use(kind, key, object, now);
      }
    }
  }

  /** What an object is by the last update, whatever stands for it. */
  objectOf({ kind, key }: ObjectKey): KubernetesObject | undefined {
    const held = this.#held.get(`${kind} ${key}`);
    return held === undefined ? this.#objects[kind].newest(key) : held.object;
  }

  /** From the next `commit` on, another form stands for an object, as long as it is as it is now. It need not be there yet. */
  hold(held: HeldObject, now?: number): void {
    const { kind, key, form } = held;
    const object = this.objectOf(held);
    if (object !== undefined && fingerprintOf(object) !== held.fingerprint) return;
    this.#held.set(`${kind} ${key}`, { held, object });
    if (object === undefined) return;
    // What its pair has taken the place of is noted already, unless it is that pair.
    const reading = kind === 'Secret' ? this.#routing.pairs.get(key)?.reading : undefined;
    const refused = reading?.kind === 'pair' ? reading.certificate : undefined;
    const lastGood = this.#history.lastGood.get(key);
    this.#use(kind, key, heldForm(form, object), now);
    if (kind !== 'Secret') return;
    this.#history.lastGood.set(key, isDeepStrictEqual(lastGood, refused) ? undefined : lastGood);
  }

  /** From the next `commit` on, the object is used as it is. */
  release({ kind, key }: ObjectKey, now?: number): void {
    const id = `${kind} ${key}`;
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    this.#use(kind, key, held.object, now);
  }

  isHeld({ kind, key }: ObjectKey): boolean {
    return this.#held.has(`${kind} ${key}`);
  }

  /** What of its own value an Ingress (`namespace/name`) cannot be served with, by the last `commit`. */
  faultsOf(ingress: string): readonly Problem[] {
    const sources = { objects: this.#objects, routing: this.#routing, resources: this.#resources };
    return ownFaults({ ...sources, failures: this.#failures }, ingress);
  }

  /** The form of an Ingress that is served since the last `commit`, or is to be from the next one on; undefined when it has faults, or is closed. */
  goodForm(ingress: string): Ingress | undefined {
    const held = this.#held.get(`Ingress ${ingress}`)?.held.form;
    if (held?.kind === 'earlier') return held.object.kind === 'Ingress' ? held.object : undefined;
    const served = this.#objects.Ingress.get(ingress);
    const isServed = served !== undefined && served.isHeld !== true && this.isOurs(ingress);
    return isServed && this.faultsOf(ingress).length === 0 ? served : undefined;
  }

  /** Whether an earlier form may be served in place of what an Ingress is by the last `commit`, which has these faults. */
  mayStandFor(earlier: Ingress, newest: Ingress, faults: readonly Problem[]): boolean {
    const defaults = this.#routing.defaults.get('');
    if (defaults === undefined) return false;
    const objects = objectsBy(this.#objects, (table, key) => table.get(key));
    const formOf = (ingress: Ingress): Form => ({
      ingress,
      policies: readPolicies(ingress, defaults, objects),
      written: protectionAsWritten(ingress, defaults.settings.prefix),
    });
    try {
      return mayStandFor(formOf(earlier), formOf(newest), new Set(faults.map(({ field }) => field)));
    } catch {
      // What this program fails at is told of already, and nothing is known of what it would open.
      return false;
    }
  }

  /** The objects that a resource may be refused for. */
  suspectsOf(typeUrl: string, name: string): readonly ObjectKey[] {
    const sources = { graph: this.#graph, objects: this.#objects, routing: this.#routing };
    return suspectsOf({ ...sources, settings: this.#settingsMap }, typeUrl, name);
  }

  #use(kind: Kind, key: string, object: KubernetesObject | undefined, now: number | undefined): void {
    // Each kind has an input of its own objects, and the caller says which kind it is.
    const input: Input<KubernetesObject> = this.#objects[kind];
    input.set(key, object);
    if (kind === 'Secret') this.#noteHistory(key, object && now);
  }

  /** Notes the ConfigMap's data and the prefix of annotations; they go for all Ingresses with the next `commit`. */
  configure(settings: FeatureSettings): void {
    this.#settings.set('', settings);
  }

  /** Notes the certificate for TLS clients that name no host with its own, where the operator has chosen none. */
  showByDefault(certificate: Certificate): void {
    this.#standIn.set('', certificate);
  }

  /** Notes that time goes on: `commit` then judges anew the certificates that have begun or ceased to be valid. */
  passTime(now: number): void {
    for (const [key, { reading }] of this.#routing.pairs.entries()) {
      const before = this.#history.checkedAt.get(key);
      if (reading === undefined || before === undefined || !changesVerdict(reading, before, now)) continue;
      this.#noteHistory(key, now);
    }
  }

  /** What each Secret that is in use serves: what a bad pair would leave in place. */
  lastGoodCertificates(): ReadonlyMap<string, Certificate> {
    const { certificates } = this.#routing;
    return new Map(
      [...certificates.entries()].flatMap(([key, { certificate }]) => (certificate ? [[key, certificate]] : [])),
    );
  }

  /** Of these, what stands for a pair that is bad or not there. */
  keptCertificates(): ReadonlyMap<string, Certificate> {
    const { pairs } = this.#routing;
    const isKept = ([key, certificate]: readonly [string, Certificate]): boolean => {
      const reading = pairs.get(key)?.reading;
      return reading?.kind !== 'pair' || reading.certificate !== certificate;
    };
    return new Map([...this.lastGoodCertificates()].filter(isKept));
  }

  /** Takes over what another translation has served; by itself, one knows only what it has seen. */
  rememberCertificates(certificates: ReadonlyMap<string, Certificate>): void {
    for (const [key, certificate] of certificates) this.#history.lastGood.set(key, certificate);
  }

  /** The resources that are now other than after the last commit. */
  commit(): readonly ResourceChange[] {
    return this.#changedResources(this.#graph.commit());
  }

  /** The same in steps, between which others may work; see `Graph.commitInSteps`. */
  *commitInSteps(): Generator<undefined, readonly ResourceChange[]> {
    return this.#changedResources(yield* this.#graph.commitInSteps());
  }

  /** All problems of all objects, sorted. */
  problems(): readonly Problem[] {
    const sorted = [...this.#problems.values(), ...this.#failures].flat().toSorted(compareProblems);
    // What both virtual hosts of a host would be refused for is said once.
    return sorted.filter((problem, index) => {
      const before = sorted[index - 1];
      return problem.reason !== 'ResourceRefused' || before === undefined || compareProblems(before, problem) !== 0;
    });
  }

  /** Grows when a problem comes, changes or goes. */
  get problemChanges(): number {
    return this.#problemChanges;
  }

  /** By name, as they are served. */
  *hosts(): Generator<readonly [string, Host]> {
    for (const [name, { host }] of this.#routing.hosts.entries()) yield [name, host];
  }

  /** Whether the Ingress (`namespace/name`) is of a class of ours, so that it is served. */
  isOurs(ingress: string): boolean {
    return this.#verdicts.get(ingress)?.reading !== undefined;
  }

  /** How many Ingresses are of classes of ours, and how many are not. */
  ingressCounts(): { readonly ours: number; readonly others: number } {
    const all = [...this.#objects.Ingress.entries()];
    const ours = all.filter(([key]) => this.isOurs(key)).length;
    return { ours, others: all.length - ours };
  }

  /** The Ingresses (`namespace/name`) that came, went, changed or may have changed hands since this was last asked. */
  takeTouchedIngresses(): ReadonlySet<string> {
    const touched = this.#touchedIngresses;
    this.#touchedIngresses = new Set();
    return touched;
  }

  objectCounts(): Readonly<Record<Kind, number>> {
    const { IngressClass, Ingress, Service, EndpointSlice, Secret, ConfigMap } = this.#objects;
    return {
      IngressClass: IngressClass.size,
      Ingress: Ingress.size,
      Service: Service.size,
      EndpointSlice: EndpointSlice.size,
      Secret: Secret.size,
      ConfigMap: ConfigMap.size,
    };
  }

  /** How many values of each table have been computed since this was last asked: what the changes have cost. */
  takeRecomputed(): ReadonlyMap<string, number> {
    return this.#graph.takeRecomputed();
  }

  /** What a Secret serves is noted when that may change, so that a bad pair can leave it in place. */
  #noteHistory(key: string, checkedAt: number | undefined): void {
    const served = this.#routing.certificates.get(key)?.certificate;
    if (this.#history.lastGood.get(key) !== served) this.#history.lastGood.set(key, served);
    if (this.#history.checkedAt.get(key) !== checkedAt) this.#history.checkedAt.set(key, checkedAt);
  }

  #changedResources(changes: Changes): readonly ResourceChange[] {
    for (const table of this.#judged) this.#keepProblems(table, changes, ({ problems }) => problems);
    const objects = this.#objects;
    for (const { table } of this.#resources) {
      this.#keepProblems(table, changes, ({ refusals = [] }) => refusalProblems(refusals, objects));
    }
    for (const table of [this.#objects.Ingress, this.#verdicts]) {
      for (const key of changes.get(table) ?? []) this.#touchedIngresses.add(key);
    }
    this.#keepFailures();
    return this.#resources.flatMap(({ typeUrl, table, nameOf }) => {
      const keys = [...(changes.get(table) ?? [])].toSorted();
      return keys.map((key) => ({ typeUrl, name: nameOf(key), resource: table.get(key) }));
    });
  }

  /** What this program fails at is said of the objects that it was computed from. */
  #keepFailures(): void {
    const failures = this.#graph.failures();
    if (failures.length === 0 && this.#failures.length === 0) return;
    const problems = failures.map((failure) => failureProblems(failure, this.#objects));
    if (isDeepStrictEqual(problems, this.#failures)) return;
    this.#failures = problems;
    this.#problemChanges += 1;
  }

  #keepProblems<V>(table: Table<V>, changes: Changes, problemsOf: (value: V) => readonly Problem[]): void {
    for (const key of changes.get(table) ?? []) {
      const value = table.get(key);
      const problems = value === undefined ? [] : problemsOf(value);
      const place = `${table.name} ${key}`;
      if (problems.length === 0 && !this.#problems.has(place)) continue;
      this.#problemChanges += 1;
      if (problems.length === 0) this.#problems.delete(place);
      else this.#problems.set(place, problems);
    }
  }
}

/** What is served does not depend on the status, so that writing it causes no work here. */
function sameButStatus(a: Ingress, b: Ingress): boolean {
  return a.isHeld === b.isHeld && isDeepStrictEqual(a.metadata, b.metadata) && isDeepStrictEqual(a.spec, b.spec);
}
