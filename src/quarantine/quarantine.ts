/**
 * What is done about resources that Envoys refuse: the refused bytes are not sent again, the object that they come from is found and
 * held at an earlier form, and all else goes on. A state machine without I/O: what happens goes in, what is to be held and published
 * comes out.
 */
import { fingerprintOf } from '../cluster/held-object.ts';
import type { HeldForm, HeldObject } from '../cluster/held-object.ts';
import type { KubernetesObject } from '../cluster/kubernetes-object.ts';
import { objectKey } from '../model/object-ref.ts';
import type { Problem } from '../model/problem.ts';
import type { Batch } from '../xds/batch.ts';
import type { Resource } from '../xds/resource.ts';
import type { ResourceChange } from '../xds/view.ts';
import { blamedField } from './blame.ts';
import { Ledger, resourceKey } from './ledger.ts';
import { OwnMatters } from './own-matters.ts';
import { idOf, suspectsAmong } from './suspicion.ts';
import type { Candidate, ObjectKey, Suspect } from './suspicion.ts';
import { culpritProblems, unexplainedProblem } from './telling.ts';
import type { Culprit } from './telling.ts';
import { Trial } from './trial.ts';
import { OpenRefusals, versionKey } from './verdicts.ts';
import type { Others, Refusal } from './verdicts.ts';

/** What the quarantine asks of the rest. */
export interface Surroundings {
  /** What of this version the streams make that are not left out. */
  readonly others: (of: VersionOf, without: ReadonlySet<number>) => Others;
  /** Whether the stream has accepted anything yet: who takes nothing at all decides nothing. */
  readonly isBelieved: (stream: number) => boolean;
  /** Whether the stream is still there: what it alone refuses is over when it goes. */
  readonly isConnected: (stream: number) => boolean;
  readonly suspects: (typeUrl: string, name: string) => readonly ObjectKey[];
  /** What an object is, whatever stands for it. */
  readonly objectOf: (of: ObjectKey) => KubernetesObject | undefined;
  readonly served: (typeUrl: string, name: string) => Resource | undefined;
}

interface VersionOf {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
}

export interface Actions {
  readonly hold: readonly HeldObject[];
  readonly release: readonly ObjectKey[];
  readonly changes: readonly ResourceChange[];
}

/** A resource whose newest state is refused; something else, or nothing, is served in its place. */
interface HeldResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly refused: Resource;
  readonly substitute: Resource | undefined;
  readonly message: string;
}

interface Case {
  readonly typeUrl: string;
  readonly name: string;
  readonly message: string;
  readonly suspects: ReadonlyMap<string, Suspect>;
  readonly trial: Trial;
  /** Since when what is held now is tried. */
  since: number;
  /** Whether what is held now has been put into a publication. */
  isApplied: boolean;
}

/** What is persisted of it. */
export interface QuarantineMemory {
  readonly culprits: readonly Culprit[];
  /** Version keys of what was refused. */
  readonly refused: readonly (readonly [string, string])[];
}

/** So many refused versions are remembered. */
const refusedLimit = 10_000;
/** A trial that nobody says anything of for so long has hurt nobody. */
const trialMs = 5_000;

export class Quarantine {
  readonly #around: Surroundings;
  readonly #ledger = new Ledger();
  readonly #open = new OpenRefusals();
  /** By version key: what the first Envoy said. */
  readonly #refused = new Map<string, string>();
  readonly #resources = new Map<string, HeldResource>();
  readonly #cases = new Map<string, Case>();
  readonly #culprits = new Map<string, Culprit>();
  readonly #own = new OwnMatters();
  /** What the translation holds by our word. */
  readonly #applied = new Map<string, HeldObject>();
  /** By resource: the objects for none of which it is refused, as long as they are what they are. */
  readonly #exhausted = new Map<string, ReadonlySet<string>>();
  /** Resources that are not refused for what changed last, so that all that they are made of is looked into. */
  readonly #widened = new Set<string>();
  /** By resource, while it is looked into: the objects that had changed when it was refused. */
  readonly #changed = new Map<string, Set<string>>();
  /** What these were before. */
  readonly #before = new Map<string, KubernetesObject | undefined>();
  /** Objects that have changed since the last publication, while something is looked into. */
  readonly #moved = new Set<string>();
  #judged = new WeakSet<Batch>();
  #changes = 0;
  #isFirst = true;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** An object changes; to be called before the translation is told. */
  noteUpdate(of: ObjectKey, after: KubernetesObject | undefined): void {
    const id = idOf(of);
    this.#ledger.noteObject(id, this.#earlierOf(of, id));
    this.#noteSuspect(of, id, after);
    const held = this.#applied.get(id);
    if (held === undefined || (after !== undefined && fingerprintOf(after) === held.fingerprint)) return;
    // It is tried again: the translation uses whatever else the object becomes.
    if (this.#culprits.delete(id)) this.#changes += 1;
    if (after !== undefined) this.#applied.delete(id);
  }

  /**
   * What of the changes may be published: what is refused is not among them. To be called with all that the translation changes.
   */
  filter(changes: readonly ResourceChange[], now: number): readonly ResourceChange[] {
    if (this.#isFirst) this.#forgetGone();
    this.#isFirst = false;
    const isQuiet = this.#refused.size === 0 && this.#resources.size === 0 && this.#own.isEmpty;
    this.#dropDisturbedCases();
    const passed = isQuiet ? changes : changes.map((change) => this.#filterOne(change));
    this.#ledger.publish(passed, ({ typeUrl, name }) => this.#goodServed(typeUrl, name), now);
    this.#judged = new WeakSet();
    for (const each of this.#cases.values()) each.isApplied = true;
    return passed;
  }

  /** An object has faults that its last good form has not: that is held, from now on, until the object is anything else. */
  holdFaulty(
    object: KubernetesObject,
    lastGood: KubernetesObject,
    faults: readonly Problem[],
    now: number,
  ): HeldObject {
    const { kind, metadata } = object;
    const form = { kind: 'earlier', object: lastGood } as const;
    const held = { kind, key: objectKey(metadata), fingerprint: fingerprintOf(object), form };
    this.#culprits.set(idOf(held), { ...held, cause: { kind: 'faulty', faults }, since: now });
    this.#applied.set(idOf(held), held);
    this.#changes += 1;
    return held;
  }

  /** Takes back the last `holdFaulty` of an object. */
  releaseFaulty(of: ObjectKey): void {
    this.#culprits.delete(idOf(of));
    this.#applied.delete(idOf(of));
    this.#changes += 1;
  }

  /** An Envoy refuses a version of a resource. */
  refuse(refusal: Refusal, now: number): void {
    if (!this.#refused.has(versionKey(refusal))) this.#open.add(refusal, now);
  }

  /** An Envoy accepts what was sent to it. */
  accept(batch: Batch): void {
    if (this.#ledger.isEmpty || this.#judged.has(batch)) return;
    this.#judged.add(batch);
    for (const resource of batch.resources) {
      for (const each of resource.parts ?? [resource]) {
        this.#ledger.accept(resourceKey(each), each.originalVersion ?? each.version);
      }
    }
  }

  /** A stream is gone, and with it its own matters. */
  forgetStream(stream: number): void {
    if (this.#own.forget((refusal) => refusal.stream === stream)) this.#changes += 1;
  }

  /** Judges what can be judged now; the actions are to be done before the next commit. */
  step(now: number): Actions {
    const changes = this.#judge(now);
    // Where a case is over, what it has found takes effect first.
    const busy = new Set([...this.#cases.values()].flatMap(({ suspects }) => [...suspects.keys()]));
    for (const each of this.#cases.values()) this.#advance(each, now);
    this.#openCases(now, busy);
    const { hold, release } = this.#holding();
    const isOver = this.#cases.size === 0 && this.#open.size === 0 && this.#resources.size === 0;
    if (isOver && hold.length + release.length === 0) {
      this.#changed.clear();
      this.#before.clear();
      this.#widened.clear();
    }
    return { hold, release, changes };
  }

  /** Whether `step` is to be called again when an Envoy has answered, or some time has passed. */
  get isWaiting(): boolean {
    return this.#open.size > 0 || this.#cases.size > 0 || this.#hasUnexplained();
  }

  /** Grows when a problem comes, changes or goes. */
  get changes(): number {
    return this.#changes;
  }

  problems(): readonly Problem[] {
    const held = [...this.#resources.values()].filter((each) => this.#isExhausted(each));
    return [
      ...[...this.#culprits.values()].flatMap(culpritProblems),
      ...held.map((each) => unexplainedProblem(each, each.substitute !== undefined)),
      ...this.#own.problems(),
    ];
  }

  /** The objects that are held, and when the oldest of them began to be, in milliseconds since 1970. */
  summary(): { readonly objects: number; readonly resources: number; readonly oldest: number | undefined } {
    const times = [...this.#culprits.values()].map(({ since }) => since);
    const oldest = times.length === 0 ? undefined : Math.min(...times);
    return { objects: this.#culprits.size, resources: this.#resources.size, oldest };
  }

  memory(): QuarantineMemory {
    return { culprits: [...this.#culprits.values()], refused: [...this.#refused] };
  }

  /** Takes over what another run has found out; the objects need not be known yet. */
  remember({ culprits, refused }: QuarantineMemory): readonly HeldObject[] {
    for (const [key, message] of refused) this.#refused.set(key, message);
    for (const culprit of culprits) {
      this.#culprits.set(idOf(culprit), culprit);
      this.#applied.set(idOf(culprit), culprit);
    }
    this.#changes += 1;
    return culprits;
  }

  /** To be called now and then. */
  sweep(now: number): void {
    this.#ledger.sweep(now);
  }

  /** What another run has held, and is not there any more. */
  #forgetGone(): void {
    for (const [id, culprit] of this.#culprits) {
      if (this.#around.objectOf(culprit) === undefined) this.#culprits.delete(id);
    }
  }

  /** What an object was before; what is held has a good form before it. */
  #earlierOf(of: ObjectKey, id: string): KubernetesObject | undefined {
    const form = this.#applied.get(id)?.form;
    if (form === undefined && this.#before.has(id)) return this.#before.get(id);
    if (form !== undefined) return form.kind === 'earlier' ? form.object : undefined;
    return this.#around.objectOf(of);
  }

  #filterOne(change: ResourceChange): ResourceChange {
    const { typeUrl, name, resource } = change;
    const key = resourceKey(change);
    const isOver = (refusal: Refusal): boolean => resourceKey(refusal) === key && refusal.version !== resource?.version;
    if (this.#own.forget(isOver)) this.#changes += 1;
    const held = this.#resources.get(key);
    const message = resource && this.#refused.get(versionKey(resource));
    if (resource === undefined || message === undefined) {
      if (held !== undefined) this.#changes += 1;
      this.#resources.delete(key);
      // Envoys that have an older state of what was left out are to remove it now.
      return held !== undefined && held.substitute === undefined ? { ...change, isForced: true } : change;
    }
    const substitute = held === undefined ? this.#goodServed(typeUrl, name) : held.substitute;
    this.#noteChanged(key, this.#ledger.pendingObjects());
    this.#resources.set(key, { typeUrl, name, refused: resource, substitute, message });
    this.#changes += 1;
    return { typeUrl, name, resource: substitute, ...(substitute === undefined && { isSilent: true }) };
  }

  #hasUnexplained(): boolean {
    return [...this.#resources.values()].some((each) => !this.#isExhausted(each));
  }

  #noteChanged(key: string, ids: Iterable<string>): void {
    const changed = this.#changed.get(key) ?? new Set();
    for (const id of ids) {
      changed.add(id);
      if (!this.#before.has(id)) this.#before.set(id, this.#ledger.before(id));
    }
    this.#changed.set(key, changed);
  }

  #goodServed(typeUrl: string, name: string): Resource | undefined {
    const served = this.#around.served(typeUrl, name);
    return served !== undefined && this.#refused.has(versionKey(served)) ? undefined : served;
  }

  #judge(now: number): readonly ResourceChange[] {
    const { others, isBelieved, isConnected } = this.#around;
    const { bad, own } = this.#open.judge(others, isBelieved, now);
    for (const refusal of own) {
      if (!isConnected(refusal.stream)) continue;
      this.#own.add(refusal, () => this.#around.suspects(refusal.typeUrl, refusal.name)[0]);
    }
    if (own.length + bad.length > 0) this.#changes += 1;
    return bad.flatMap((refusal) => this.#condemn(refusal));
  }

  #condemn(refusal: Refusal): readonly ResourceChange[] {
    const { typeUrl, name, message } = refusal;
    this.#refused.set(versionKey(refusal), message);
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > refusedLimit && oldest !== undefined) this.#refused.delete(oldest);
    const served = this.#around.served(typeUrl, name);
    if (served?.version !== refusal.version) return [];
    const key = resourceKey(refusal);
    const before = this.#ledger.lastGood(key);
    const substitute = before !== undefined && this.#refused.has(versionKey(before)) ? undefined : before;
    this.#noteChanged(key, this.#ledger.changedFor(key));
    this.#resources.set(key, { typeUrl, name, refused: served, substitute, message });
    return [{ typeUrl, name, resource: substitute, ...(substitute === undefined && { isSilent: true }) }];
  }

  #openCases(now: number, busy: Set<string>): void {
    for (const [key, held] of this.#resources) {
      if (this.#cases.has(key)) continue;
      const candidates = this.#candidatesFor(held);
      const exhausted = this.#exhausted.get(key);
      if (exhausted !== undefined && candidates.every(({ of }) => exhausted.has(idOf(of)))) continue;
      this.#exhausted.delete(key);
      const suspects = suspectsAmong(candidates, held.message);
      const ids = [...suspects.keys()];
      // One after the other where they are about the same objects, and not before what has changed is published.
      if (ids.some((id) => busy.has(id) || this.#ledger.isPending(id))) continue;
      for (const id of ids) busy.add(id);
      const forms = [...suspects.values()].reduce((most, each) => Math.max(most, each.forms.length), 0);
      const trial = new Trial(ids, forms);
      const { typeUrl, name, message } = held;
      const opened: Case = { typeUrl, name, message, suspects, trial, since: now, isApplied: false };
      this.#cases.set(key, opened);
      if (trial.outcome.kind === 'found') this.#close(key, opened, now);
    }
  }

  #isExhausted(held: HeldResource): boolean {
    return this.#exhausted.has(resourceKey(held));
  }

  #candidatesFor({ typeUrl, name }: HeldResource): readonly Candidate[] {
    const key = resourceKey({ typeUrl, name });
    const changed = this.#widened.has(key) ? undefined : this.#changed.get(key);
    return this.#around.suspects(typeUrl, name).flatMap((of): readonly Candidate[] => {
      const id = idOf(of);
      const object = this.#around.objectOf(of);
      if (object === undefined) return [];
      const before = this.#before.get(id) ?? this.#ledger.before(id);
      const held = this.#culprits.get(id)?.form;
      return [{ of, object, before, held, isRecent: changed?.has(id) === true }];
    });
  }

  #noteSuspect(of: ObjectKey, id: string, after: KubernetesObject | undefined): void {
    if (this.#cases.size + this.#exhausted.size === 0) return;
    const now = this.#around.objectOf(of);
    if (now !== undefined && after !== undefined && fingerprintOf(now) === fingerprintOf(after)) return;
    this.#moved.add(id);
    for (const [key, { suspects }] of this.#cases) if (suspects.has(id)) this.#cases.delete(key);
    for (const [key, ids] of this.#exhausted) if (ids.has(id)) this.#exhausted.delete(key);
  }

  /** What a resource is made of has changed while it was looked into: what Envoys say of it now says nothing of the trial. */
  #dropDisturbedCases(): void {
    if (this.#moved.size === 0) return;
    for (const [key, { typeUrl, name }] of this.#cases) {
      if (this.#around.suspects(typeUrl, name).some((of) => this.#moved.has(idOf(of)))) this.#cases.delete(key);
    }
    this.#moved.clear();
  }

  #advance(each: Case, now: number): void {
    const key = resourceKey(each);
    if (!each.isApplied) return;
    const fared = this.#faring(each, now);
    if (fared === 'open') return;
    each.trial.judge(fared === 'accepted');
    each.since = now;
    each.isApplied = false;
    if (each.trial.outcome.kind === 'found') this.#close(key, each, now);
  }

  #faring(each: Case, now: number): Others {
    const key = resourceKey(each);
    if (this.#resources.has(key)) return 'none';
    const served = this.#around.served(each.typeUrl, each.name);
    if (served === undefined) return 'accepted';
    const of = { typeUrl: each.typeUrl, name: each.name, version: served.version };
    if (this.#open.has(versionKey(of))) return 'open';
    const opinion = this.#around.others(of, new Set());
    if (opinion === 'accepted') return 'accepted';
    return now - each.since > trialMs ? 'accepted' : 'open';
  }

  #close(key: string, each: Case, now: number): void {
    const { holding } = each.trial.outcome;
    this.#cases.delete(key);
    this.#changes += 1;
    const held = this.#resources.get(key);
    if (holding.size === 0 && held !== undefined) this.#giveUp(key, held);
    for (const [id, form] of holding) {
      const suspect = each.suspects.get(id);
      const culprit = suspect && this.#culprit(suspect.of, formAt(suspect.forms, form), each, now);
      if (culprit !== undefined) this.#culprits.set(id, culprit);
    }
  }

  /** It is none of the suspects: then of all that there are, and if it is none of these, of no object. */
  #giveUp(key: string, held: HeldResource): void {
    if (!this.#widened.has(key)) this.#widened.add(key);
    else this.#exhausted.set(key, new Set(this.#candidatesFor(held).map(({ of }) => idOf(of))));
  }

  #culprit(
    of: ObjectKey,
    form: HeldForm | undefined,
    { typeUrl, name, message }: Case,
    now: number,
  ): Culprit | undefined {
    const object = this.#around.objectOf(of);
    if (object === undefined || form === undefined) return undefined;
    const since = this.#culprits.get(idOf(of))?.since ?? now;
    const field = blamedField(object, message) ?? '';
    const cause = { kind: 'refused', typeUrl, name, message, field } as const;
    return { ...of, fingerprint: fingerprintOf(object), form, cause, since };
  }

  /** What is to be held and released now, in comparison to what the translation was told last. */
  #holding(): Pick<Actions, 'hold' | 'release'> {
    const wanted = new Map<string, HeldObject>(this.#culprits);
    for (const each of this.#cases.values()) {
      for (const [id, form] of each.trial.outcome.holding) {
        const suspect = each.suspects.get(id);
        const culprit = suspect && this.#culprit(suspect.of, formAt(suspect.forms, form), each, 0);
        if (culprit !== undefined) wanted.set(id, culprit);
      }
    }
    const hold = [...wanted].filter(([id, held]) => {
      const applied = this.#applied.get(id);
      return applied === undefined || applied.fingerprint !== held.fingerprint || applied.form.kind !== held.form.kind;
    });
    const release = [...this.#applied].filter(([id]) => !wanted.has(id));
    for (const [id] of release) this.#applied.delete(id);
    for (const [id, held] of hold) this.#applied.set(id, held);
    return { hold: hold.map(([, held]) => held), release: release.map(([, { kind, key }]) => ({ kind, key })) };
  }
}

function formAt(forms: readonly HeldForm[], index: number): HeldForm | undefined {
  return forms[Math.min(index, forms.length - 1)];
}
