/** The certificate for hosts without their own: one for all replicas, renewed before it ends, and there even without a Secret. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { DefaultCertificate } from '../../src/certificates/default-certificate.ts';
import type { SecretStore } from '../../src/certificates/secret-store.ts';
import type { Pair } from '../../src/certificates/x509.ts';
import { memorySecretStore } from '../support/secret-store.ts';

const secret = { namespace: 'sluice-system', name: 'authority' };
const log = { info: () => undefined, warn: () => undefined };
const day = 24 * 3_600_000;

interface Replica {
  readonly certificate: DefaultCertificate;
  readonly shown: Pair[];
}

function replica(store?: SecretStore, now: () => number = Date.now): Replica {
  const shown: Pair[] = [];
  const show = (each: Pair): void => void shown.push(each);
  return {
    shown,
    certificate: new DefaultCertificate({ ...(store && { shared: { store, secret } }), log, now, show }),
  };
}

async function started(...replicas: readonly Replica[]): Promise<void> {
  await Promise.all(replicas.map(({ certificate }) => certificate.start()));
  await Promise.all(replicas.map(({ certificate }) => certificate.stop()));
}

describe('the default certificate', () => {
  it('is for no name, signed by nobody, and good for a year', async () => {
    const own = replica(memorySecretStore('authority'));
    await started(own);
    const parsed = new X509Certificate(own.shown[0]?.cert ?? '');
    expect(parsed.subject).toBe('CN=Sluice default certificate');
    expect(parsed.subjectAltName).toBe('DNS:default.invalid');
    expect(parsed.ca).toBe(false);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    const left = Date.parse(parsed.validTo) - Date.now();
    expect(Math.round(left / day)).toBe(365);
  });

  it('is the same in every process of the same months where there is no Secret for it, and good for half a year at least', async () => {
    let ahead = 0;
    const replicas = [replica(), replica(undefined, () => Date.now() + ahead)] as const;
    await started(...replicas);
    const [one, other] = replicas.map(({ shown }) => shown[0]);
    expect(one).toEqual(other);
    expect(replicas[0].shown).toHaveLength(1);
    const parsed = new X509Certificate(one?.cert ?? '');
    expect(parsed.subject).toBe('CN=Sluice default certificate');
    expect(parsed.checkPrivateKey(createPrivateKey(one?.key ?? ''))).toBe(true);
    for (ahead = 0; ahead < 800 * day; ahead += 30 * day) {
      const later = replica(undefined, () => Date.now() + ahead);
      // oxlint-disable-next-line no-await-in-loop -- the clock is shared
      await started(later);
      const { validFrom, validTo } = new X509Certificate(later.shown[0]?.cert ?? '');
      expect(Date.parse(validFrom)).toBeLessThan(Date.now() + ahead);
      expect(Date.parse(validTo)).toBeGreaterThan(Date.now() + ahead + 180 * day);
    }
  });

  it('is the same for replicas that start at the same time, and for one that comes later', async () => {
    const store = memorySecretStore('authority');
    const [first, second, third] = [replica(store), replica(store), replica(store)];
    await started(first, second);
    await started(third);
    expect(first.shown).toHaveLength(1);
    expect(second.shown).toEqual(first.shown);
    expect(third.shown).toEqual(first.shown);
    expect(store.writes).toHaveLength(1);
  });

  it('is renewed when a third of its life is left, and not before', async () => {
    let ahead = 0;
    const store = memorySecretStore('authority');
    const [one, other] = [replica(store, () => Date.now() + ahead), replica(store, () => Date.now() + ahead)];
    await one.certificate.renew();
    await other.certificate.renew();
    ahead = 240 * day;
    await one.certificate.renew();
    expect(one.shown).toHaveLength(1);
    ahead = 250 * day;
    await one.certificate.renew();
    await other.certificate.renew();
    expect(one.shown).toHaveLength(2);
    expect(other.shown).toEqual(one.shown);
    expect(store.writes).toHaveLength(2);
  });

  it('leaves what else is in the Secret alone, and replaces what cannot be used', async () => {
    const store = memorySecretStore('authority');
    store.secrets.set('authority', {
      version: '1',
      data: { 'authority.crt': 'a', 'default.crt': 'no certificate', 'default.key': 'k' },
    });
    const own = replica(store);
    await started(own);
    expect(store.secrets.get('authority')?.data).toEqual({
      'authority.crt': 'a',
      'default.crt': own.shown[0]?.cert,
      'default.key': own.shown[0]?.key,
    });
  });

  it('is shown although the Secret cannot be read, and gives way to the shared one when it can', async () => {
    const store = memorySecretStore('authority');
    let isAway = true;
    const away: SecretStore = {
      ...store,
      read: (name) => (isAway ? Promise.reject(new Error('away')) : store.read(name)),
    };
    const own = replica(away);
    await started(own);
    expect(own.shown).toHaveLength(1);
    isAway = false;
    const later = replica(away);
    await started(later);
    expect(store.secrets.get('authority')?.data['default.crt']).toBe(later.shown[0]?.cert);
  });
});
