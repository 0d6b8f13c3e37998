/**
 * The authorities that sign the certificates of xDS, and how one follows the other: a new one is trusted by everybody before it signs
 * anything, and an old one stays trusted until the last certificate that it signed has run out. No clock and no randomness in here.
 */
import { validityOf, type Pair, type Validity } from './x509.ts';

export interface Generations {
  /** Signs. */
  readonly issuing: Pair;
  /** Is trusted already and signs next. */
  readonly next?: Pair;
  /** Signed before and is still trusted; PEM. */
  readonly retired?: string;
}

/** The name in the certificates of all Envoys. */
export const envoyName = 'envoy';

/** How long what lasts, in milliseconds; everything follows from the life of a leaf. */
export interface Lifetimes {
  readonly leaf: number;
  readonly authority: number;
  /** How long an authority is trusted before it signs: replicas and Envoys must have heard of it by then. */
  readonly overlap: number;
  /** How often to look whether something is due. */
  readonly check: number;
}

export function lifetimesOf(leaf: number): Lifetimes {
  return { leaf, authority: 4 * leaf, overlap: leaf / 3, check: Math.min(leaf / 24, 300_000) };
}

/** Certificates are good from an hour before they are made: clocks differ. */
const backdated = 3_600_000;

export function validityFrom(now: number, life: number): Validity {
  return { notBefore: now - backdated, notAfter: now + life };
}

/** A leaf is renewed when a third of its life is left. */
export function isLeafDue(cert: string, now: number, { leaf }: Lifetimes): boolean {
  return validityOf(cert).notAfter - now <= leaf / 3;
}

/**
 * The generations as they should be now; the same object when they are. Half way through the life of an authority its follower is
 * made; that leaves it time for the overlap and for the last of its leaves.
 */
export async function advance(
  generations: Generations | undefined,
  now: number,
  lifetimes: Lifetimes,
  makeAuthority: (validity: Validity) => Promise<Pair>,
): Promise<Generations> {
  const make = () => makeAuthority(validityFrom(now, lifetimes.authority));
  if (generations === undefined || hasEnded(generations.issuing.cert, now)) {
    // Nobody was there to renew it in time. Who trusted only the old one has to hear of the new one from outside.
    const { next } = generations ?? {};
    return { issuing: next !== undefined && !hasEnded(next.cert, now) ? next : await make() };
  }
  const { issuing, next, retired } = generations;
  if (next !== undefined && now >= validityOf(next.cert).notBefore + backdated + lifetimes.overlap) {
    return { issuing: next, retired: issuing.cert };
  }
  if (next === undefined && validityOf(issuing.cert).notAfter - now <= lifetimes.authority / 2) {
    return { ...generations, next: await make() };
  }
  if (retired !== undefined && hasEnded(retired, now)) return { issuing, ...(next && { next }) };
  return generations;
}

/** What both sides trust, in PEM; no certificate is in it twice. */
export function trustBundle({ issuing, next, retired }: Generations): string {
  return [...new Set([issuing.cert, next?.cert ?? '', retired ?? ''])].join('');
}

function hasEnded(cert: string, now: number): boolean {
  return validityOf(cert).notAfter <= now;
}
