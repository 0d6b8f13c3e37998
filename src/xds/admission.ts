/** Counts who is connected, and says who may come in as well. */
import type { ConnectionRefusal, ServerLimits } from './limits.ts';

export class Admission {
  readonly #limits: ServerLimits;
  #all = 0;
  readonly #byAddress = new Map<string, number>();
  readonly #byName = new Map<string, number>();

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  /** Counts a connection in; or says why not. */
  enter(address: string): ConnectionRefusal | undefined {
    if (this.#all >= this.#limits.connections) return 'connections';
    if ((this.#byAddress.get(address) ?? 0) >= this.#limits.connectionsPerAddress) return 'address';
    this.#all += 1;
    count(this.#byAddress, address, 1);
    return undefined;
  }

  leave(address: string): void {
    this.#all -= 1;
    count(this.#byAddress, address, -1);
  }

  /** Counts a connection to the name in its client certificate; or says why not. */
  enterAs(name: string): ConnectionRefusal | undefined {
    if ((this.#byName.get(name) ?? 0) >= this.#limits.connectionsPerName) return 'name';
    count(this.#byName, name, 1);
    return undefined;
  }

  leaveAs(name: string): void {
    count(this.#byName, name, -1);
  }
}

/** Adds to a count; what is at 0 is not kept, so that who was here once costs nothing. */
function count(counts: Map<string, number>, key: string, step: 1 | -1): void {
  const next = (counts.get(key) ?? 0) + step;
  if (next <= 0) counts.delete(key);
  else counts.set(key, next);
}
