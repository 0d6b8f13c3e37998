/**
 * What is served now, in the two forms in which it is asked for: delta clients fetch virtual hosts one by one (VHDS),
 * SotW clients, for which there is no VHDS, get whole RouteConfigurations with the same virtual hosts in them.
 */
import { typeUrl } from '../proto/type-url.ts';
import { inlineTable } from './inlined-table.ts';
import type { Resource } from './resource.ts';
import { View } from './view.ts';
import type { ResourceChange, Subscriber } from './view.ts';

const { routeConfiguration, virtualHost } = typeUrl;

export class ResourceStore {
  readonly delta = new View();
  readonly sotw = new View();
  #sequence = 0;
  #sotwClients = 0;
  #peakNameBytes = 0;
  #peakNames = 0;
  /** Tables that have changed while no SotW client was there to be given whole ones. */
  readonly #staleTables = new Set<string>();

  /** Grows by one with each publication; 0 until the first. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * About how many bytes a client needs that names all it has been given of one type: what there was once, it may still have when it
   * comes back.
   */
  get peakNameBytes(): number {
    return this.#peakNameBytes;
  }

  /** The most resources of one type that there have been. */
  get peakNames(): number {
    return this.#peakNames;
  }

  /** How many names are asked for that nothing has. */
  get unknownNames(): number {
    return this.delta.unknownNames + this.sotw.unknownNames;
  }

  /** Publishes changes that belong together; gives back the subscribers that now have something to send. */
  publish(changes: readonly ResourceChange[]): ReadonlySet<Subscriber> {
    this.#sequence += 1;
    const told = this.delta.apply(changes, this.#sequence);
    const inlined = this.sotw.apply(this.#withInlinedHosts(changes), this.#sequence);
    this.#peakNameBytes = Math.max(this.#peakNameBytes, this.delta.nameBytes);
    this.#peakNames = Math.max(this.#peakNames, this.delta.mostNames);
    return new Set([...told, ...inlined]);
  }

  /** The view for a new client; whole RouteConfigurations are made only while there is a SotW client. */
  attach(protocol: 'sotw' | 'delta'): View {
    if (protocol === 'delta') return this.delta;
    this.#sotwClients += 1;
    const stale = Array.from(this.#staleTables, (name) => this.#inlined(name));
    this.#staleTables.clear();
    this.sotw.apply(stale, this.#sequence);
    return this.sotw;
  }

  /** The client of a view is gone. */
  detach(protocol: 'sotw' | 'delta'): void {
    if (protocol === 'sotw') this.#sotwClients -= 1;
  }

  /** To be called now and then: forgets responses that nobody has been sent of late. */
  sweep(): void {
    this.delta.sweep();
    this.sotw.sweep();
  }

  #withInlinedHosts(changes: readonly ResourceChange[]): readonly ResourceChange[] {
    const tables = new Set<string>();
    const kept: ResourceChange[] = [];
    for (const change of changes) {
      if (change.typeUrl === virtualHost) tables.add(tableOf(change.name));
      else if (change.typeUrl === routeConfiguration) tables.add(change.name);
      else kept.push(change);
    }
    if (this.#sotwClients > 0) return [...kept, ...Array.from(tables, (name) => this.#inlined(name))];
    for (const name of tables) this.#staleTables.add(name);
    return kept;
  }

  #inlined(table: string): ResourceChange {
    const source = this.delta.get(routeConfiguration, table);
    if (source === undefined) return { typeUrl: routeConfiguration, name: table, resource: undefined };
    return { typeUrl: routeConfiguration, name: table, resource: this.#inline(source) };
  }

  #inline(source: Resource): Resource {
    const hosts = this.delta
      .names(virtualHost)
      .flatMap((name) => (tableOf(name) === source.name ? (this.delta.get(virtualHost, name) ?? []) : []));
    return inlineTable(source, hosts);
  }
}

/** The RouteConfiguration that a virtual host belongs to: what its name begins with, up to the first slash. */
function tableOf(virtualHostName: string): string {
  return virtualHostName.slice(0, virtualHostName.indexOf('/'));
}
