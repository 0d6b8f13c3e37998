// Tells the operator what keeps Sluice from reading the cluster: once when it begins and once when it is over, however
// many reflectors try however often.

import { describeTarget, reflectedResources, targetKey } from './reflected-resource.ts';
import type { ReflectorEvent } from './reflector.ts';
import type { Timing } from './timing.ts';

/** The part of pino's Logger that sources use. */
export interface SourceLog {
  readonly debug: (message: string) => void;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
}

/** A failure that lasts is repeated at this interval, in milliseconds. */
const reminderMs = 300_000;

interface Trouble {
  readonly loggedAt: number;
  readonly targets: Set<string>;
  isOver: boolean;
}

export class FailureLog {
  readonly #log: SourceLog;
  readonly #timing: Timing;
  readonly #troubles = new Map<string, Trouble>();

  constructor(log: SourceLog, timing: Timing) {
    this.#log = log;
    this.#timing = timing;
  }

  note(event: ReflectorEvent): void {
    switch (event.kind) {
      case 'failed':
        this.#fail(targetKey(event), describeFailure(event));
        break;
      case 'watching':
        this.#recover(targetKey(event));
        break;
      case 'unreadable':
        this.#log.warn(`Kubernetes sent ${describeTarget(event)} that cannot be read: ${event.detail}`);
        break;
      case 'listed':
        this.#log.debug(`Listed ${event.objects} ${describeTarget(event)} in ${event.pages} pages`);
        break;
      case 'changed':
      case 'bookmark':
        break;
    }
  }

  #fail(target: string, message: string): void {
    const now = this.#timing.now();
    const known = this.#troubles.get(message);
    if (known !== undefined && now - known.loggedAt < reminderMs) {
      known.targets.add(target);
      return;
    }
    for (const [text, trouble] of this.#troubles) {
      if (trouble.targets.size === 0 && now - trouble.loggedAt >= reminderMs) this.#troubles.delete(text);
    }
    this.#troubles.set(message, {
      loggedAt: now,
      targets: new Set([...(known?.targets ?? []), target]),
      isOver: false,
    });
    this.#log.warn(`${message}; what is known stays in use, retrying`);
  }

  #recover(target: string): void {
    for (const [message, trouble] of this.#troubles) {
      if (!trouble.targets.delete(target) || trouble.targets.size > 0 || trouble.isOver) continue;
      trouble.isOver = true;
      this.#log.info(`Over: ${message}`);
    }
  }
}

/** A sentence without a full stop. The target is named only where it matters, so that equal causes give equal sentences. */
export function describeFailure(event: Extract<ReflectorEvent, { readonly kind: 'failed' }>): string {
  const { operation, failure, resource } = event;
  const { group, plural } = reflectedResources[resource];
  switch (failure.status) {
    case 0:
      return `Reading from Kubernetes fails: ${failure.message}`;
    case 401:
      return `Kubernetes refuses our credentials: ${failure.message}`;
    case 403:
      return (
        `Kubernetes does not allow us to ${operation} ${describeTarget(event)}: ` +
        `grant the verbs list and watch on ${plural} of the API group "${group}" (${failure.message})`
      );
    case 410:
      return `Kubernetes has dropped the version of ${describeTarget(event)} that we know; they are listed anew`;
    default:
      return `Kubernetes fails to ${operation} ${describeTarget(event)}: ${failure.message}`;
  }
}
