/** Years of renewals in a second: nothing runs out, and whoever lags behind by days is still trusted and trusts. */
import { describe, expect, it } from '@jest/globals';
import {
  advance,
  type Generations,
  isLeafDue,
  lifetimesOf,
  trustBundle,
  validityFrom,
} from '../../src/certificates/generations.ts';
import { hasSigned, makeAuthority, makeLeaf, validityOf } from '../../src/certificates/x509.ts';

const day = 24 * 3_600_000;
const lifetimes = lifetimesOf(30 * day);
const start = Date.UTC(2026, 0, 1);

/** What both sides hold on one day. */
interface Day {
  readonly leaf: string;
  readonly trusted: string;
}

function split(bundle: string): readonly string[] {
  return bundle.split(/(?<=-----END CERTIFICATE-----\n)/).filter((cert) => cert !== '');
}

describe('the generations of authorities', () => {
  it('keep both sides of every connection in trust for three years, though each may lag a week behind', async () => {
    const days: Day[] = [];
    let generations: Generations | undefined;
    let leaf = '';
    const issuers = new Set<string>();
    for (let n = 0; n < 3 * 365; n += 1) {
      const now = start + n * day;
      // oxlint-disable-next-line no-await-in-loop -- one day follows another
      generations = await advance(generations, now, lifetimes, makeAuthority);
      const { issuing } = generations;
      issuers.add(issuing.cert);
      if (!hasSigned(issuing.cert, leaf) || isLeafDue(leaf, now, lifetimes)) {
        const validity = validityFrom(now, lifetimes.leaf);
        // oxlint-disable-next-line no-await-in-loop -- as above
        leaf = (await makeLeaf({ ...validity, use: 'client', names: ['envoy'], issuer: issuing })).cert;
      }
      days.push({ leaf, trusted: trustBundle(generations) });
    }

    const broken = days.flatMap(({ leaf: shown }, n) => {
      const now = start + n * day;
      return [0, 7].flatMap((lag) =>
        [days[n - lag], days[n + lag]].flatMap((other) => {
          if (other === undefined) return [];
          const isValid = validityOf(shown).notAfter > now;
          const isTrusted = split(other.trusted).some((authority) => hasSigned(authority, shown));
          return isValid && isTrusted ? [] : [`day ${n}, lag ${lag}`];
        }),
      );
    });
    expect(broken).toEqual([]);
    expect(issuers.size).toBeGreaterThan(12);
    const bundles = days.map(({ trusted }) => split(trusted));
    expect(Math.max(...bundles.map(({ length }) => length))).toBeLessThanOrEqual(3);
    expect(bundles.every((bundle) => new Set(bundle).size === bundle.length)).toBe(true);
  }, 120_000);

  it('do not change while nothing is due', async () => {
    const generations = await advance(undefined, start, lifetimes, makeAuthority);
    expect(await advance(generations, start + day, lifetimes, makeAuthority)).toBe(generations);
  });

  it('begin anew after everybody was away for too long', async () => {
    const generations = await advance(undefined, start, lifetimes, makeAuthority);
    const later = await advance(generations, start + 365 * day, lifetimes, makeAuthority);
    expect(later.issuing.cert).not.toBe(generations.issuing.cert);
    expect(later.retired).toBeUndefined();
  });
});
