/** Joins the quarantine with what it steers: what streams say goes in, and what is held goes into the translation and the store. */
import { objectKey } from './model/object-ref.ts';
import type { Translation, ObjectUpdate } from './translation/translation.ts';
import { Quarantine } from './quarantine/quarantine.ts';
import type { Refusal } from './quarantine/verdicts.ts';
import { LastForms } from './last-forms.ts';
import type { HeldForms } from './last-good.ts';
import type { DiscoveryStream, StreamEvent } from './xds/discovery-stream.ts';
import type { Resource } from './xds/resource.ts';
import type { XdsServer } from './xds/server.ts';
import type { ResourceChange } from './xds/view.ts';

export interface GuardOptions {
  readonly translation: Translation;
  readonly server: () => XdsServer;
  /** There is something to judge: a burst of work is due, though no object has changed. */
  readonly wake: () => void;
  /** For tests: spoils what is sent, so that Envoys refuse it. */
  readonly spoil?: (resource: Resource) => Resource;
}

/** A client that accepts nothing can refuse without end. */
const mostUnheard = 1_000;

/** While a verdict is waited for, it is looked for so often. */
const lookMs = 20;

export class Guard {
  readonly quarantine: Quarantine;
  readonly #options: GuardOptions;
  readonly #forms: LastForms;
  #timer: NodeJS.Timeout | undefined;
  #withheld: readonly ResourceChange[] = [];
  /** Whether some of what was computed has been taken back since. */
  #isRevised = false;
  /** By stream that has taken nothing yet, what it refuses: to be judged anew once it accepts something. */
  readonly #unheard = new Map<number, readonly Refusal[]>();

  constructor(options: GuardOptions) {
    const { translation, server } = options;
    this.#options = options;
    this.quarantine = new Quarantine({
      others: ({ typeUrl, name, version }, without) => server().standingOf(typeUrl, name, version, without),
      isBelieved: (stream) => server().hasTaken(stream),
      isConnected: (stream) => server().isConnected(stream),
      suspects: (typeUrl, name) => translation.suspectsOf(typeUrl, name),
      objectOf: (of) => translation.objectOf(of),
      served: (typeUrl, name) => server().store.delta.get(typeUrl, name),
    });
    this.#forms = new LastForms(translation, this.quarantine);
  }

  /** To be called with what happens on streams. */
  observe(stream: DiscoveryStream, event: StreamEvent): void {
    const { quarantine } = this;
    if (event.kind === 'ack') {
      if (event.batch.resources.length > 0) this.#believe(stream.id);
      quarantine.accept(event.batch);
    } else if (event.kind === 'nack') this.#refuse(stream, event);
    else if (event.kind === 'closed') {
      this.#unheard.delete(stream.id);
      const before = quarantine.changes;
      quarantine.forgetStream(stream.id);
      if (quarantine.changes !== before) this.#options.wake();
    }
  }

  #refuse(
    { id, node, session }: DiscoveryStream,
    { culprits, message }: Extract<StreamEvent, { readonly kind: 'nack' }>,
  ): void {
    for (const { typeUrl, name, version, originalVersion } of culprits) {
      const refusal = { typeUrl, name, version: originalVersion ?? version, message, stream: id, node: node.id ?? '' };
      this.quarantine.refuse(refusal, Date.now());
      if (!session.hasTaken) this.#unheard.set(id, [...(this.#unheard.get(id) ?? []), refusal].slice(-mostUnheard));
    }
    if (culprits.length > 0) this.#options.wake();
  }

  #believe(stream: number): void {
    const refusals = this.#unheard.get(stream);
    if (refusals === undefined) return;
    this.#unheard.delete(stream);
    for (const refusal of refusals) this.quarantine.refuse(refusal, Date.now());
    this.#options.wake();
  }

  update(updates: readonly ObjectUpdate[]): void {
    const { translation } = this.#options;
    for (const { kind, namespace, name, object } of updates) {
      const key = objectKey({ namespace, name });
      if (kind === 'Ingress') this.#forms.noteChange(key);
      this.quarantine.noteUpdate({ kind, key }, object);
    }
    translation.update(updates, Date.now());
  }

  /** To be called before a commit: holds and releases what is due. */
  prepare(): void {
    const { translation } = this.#options;
    const now = Date.now();
    const { hold, release, changes } = this.quarantine.step(now);
    for (const held of hold) translation.hold(held, now);
    for (const of of release) translation.release(of, now);
    this.#withheld = changes;
  }

  /** To be called after each commit: holds what has turned bad by itself, and says whether another one is due before anything is published. */
  judge(): boolean {
    const isRevised = this.#forms.judge(Date.now());
    this.#isRevised ||= isRevised;
    return isRevised;
  }

  /** What of the changes may be published, after the last commit. */
  pass(changes: readonly ResourceChange[]): readonly ResourceChange[] {
    const { spoil } = this.#options;
    const spoiled =
      spoil === undefined
        ? changes
        : changes.map((each) => ({ ...each, resource: each.resource && spoil(each.resource) }));
    const passed = this.quarantine.filter(spoiled, Date.now());
    const changed = new Set(passed.map(({ typeUrl, name }) => `${typeUrl} ${name}`));
    // What the translation has changed meanwhile is newer.
    const withheld = this.#withheld.filter(({ typeUrl, name }) => !changed.has(`${typeUrl} ${name}`));
    this.#withheld = [];
    const isRevised = this.#isRevised;
    this.#isRevised = false;
    return [...withheld, ...(isRevised ? passed.filter((change) => this.#isNews(change)) : passed)];
  }

  #isNews({ typeUrl, name, resource, isForced }: ResourceChange): boolean {
    const served = this.#options.server().store.delta.get(typeUrl, name);
    return isForced === true || served?.version !== resource?.version;
  }

  /** To be called when a burst of work is over. */
  rest(): void {
    if (!this.quarantine.isWaiting || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#options.wake();
    }, lookMs);
  }

  /** What is to be known to the next run. */
  memory(): HeldForms {
    const certificates = [...this.#options.translation.keptCertificates()];
    return { ...this.quarantine.memory(), certificates };
  }

  /** What another run has found out; to be called before anything is read. */
  remember(memory: HeldForms): void {
    this.#options.translation.rememberCertificates(new Map(memory.certificates));
    for (const held of this.quarantine.remember(memory)) this.#options.translation.hold(held);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
