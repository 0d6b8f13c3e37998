import { describe, expect, it } from '@jest/globals';
import { certificate } from '../support/certificates.ts';
import { applied, deleted, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';
import { Translation } from '../../src/translation/translation.ts';

const day = 86_400_000;
const now = Date.parse('2026-06-01T00:00:00Z');

function pairFor(names: readonly string[], from: number, until: number) {
  return certificate({ names, notBefore: new Date(now + from * day), notAfter: new Date(now + until * day) });
}

const good = pairFor(['a.test'], -1, 90);
const next = pairFor(['a.test'], -1, 180);
const expired = pairFor(['a.test'], -90, -1);
const early = pairFor(['a.test'], 1, 90);
const secretOf = (pair: { readonly cert: string; readonly key: string }) => tlsSecret('s', pair.cert, pair.key);
const web = ingress('web', { hosts: { 'a.test': { '/': 'web:80' } }, tls: [{ hosts: ['a.test'], secretName: 's' }] });

/** A control plane that sees one thing after the other. */
class Story {
  readonly translation = new Translation(translationOptions);

  constructor() {
    this.translation.update([ingressClass(), service('web', { http: 80 }), web].map(applied), now);
    this.translation.commit();
  }

  see(pair: { readonly cert: string; readonly key: string } | undefined, at = now): this {
    const update = pair === undefined ? deleted(secretOf(good)) : applied(secretOf(pair));
    this.translation.update([update], at);
    this.translation.commit();
    return this;
  }

  get served(): string | undefined {
    return this.translation.lastGoodCertificates().get('default/s')?.chain;
  }

  get reasons(): readonly string[] {
    return this.translation
      .problems()
      .flatMap(({ reason }) => (reason === 'ServiceNotFound' || reason === 'NoEndpoints' ? [] : [reason]));
  }
}

describe('the certificate of a host', () => {
  it.each([
    ['a certificate whose key has not come yet', { cert: next.cert, key: good.key }, 'InvalidCertificate'],
    ['a key whose certificate has not come yet', { cert: good.cert, key: next.key }, 'InvalidCertificate'],
    ['garbage', { cert: 'garbage', key: '' }, 'InvalidCertificate'],
    ['nothing', undefined, 'CertificateNotFound'],
    ['an expired pair', expired, 'CertificateExpired'],
    ['a pair that is not valid yet', early, 'CertificateNotYetValid'],
  ])('stays the last good one when %s takes its place, until a good one comes', (_what, bad, reason) => {
    const story = new Story().see(good).see(bad);
    expect([story.served, story.reasons]).toEqual([good.cert, [reason]]);
    expect(
      story.translation.problems().filter(({ message }) => message.endsWith('what was served before stays')),
    ).toHaveLength(1);
    story.see(next);
    expect([story.served, story.reasons]).toEqual([next.cert, []]);
  });

  it.each([
    ['an expired pair', expired, 'CertificateExpired'],
    ['a pair that is not valid yet', early, 'CertificateNotYetValid'],
    ['a key of another', { cert: good.cert, key: next.key }, 'InvalidCertificate'],
  ])('is none when there has never been another than %s', (_what, bad, reason) => {
    const story = new Story().see(bad);
    expect([story.served, story.reasons]).toEqual([undefined, [reason]]);
  });

  it('is reported when it expires in use, and stays', () => {
    const story = new Story().see(good);
    story.translation.passTime(now + 89 * day);
    story.translation.commit();
    expect(story.reasons).toEqual([]);
    story.translation.passTime(now + 91 * day);
    expect(story.translation.commit()).toEqual([]);
    expect([story.served, story.reasons]).toEqual([good.cert, ['CertificateExpired']]);
  });

  it('is served from the time on when it is valid', () => {
    const story = new Story().see(early);
    story.translation.passTime(now + 2 * day);
    story.translation.commit();
    expect([story.served, story.reasons]).toEqual([early.cert, []]);
  });

  it('is forgotten when the Secret changes while no Ingress names it', () => {
    const story = new Story().see(good);
    story.translation.update([deleted(web)], now);
    story.translation.commit();
    story.see({ cert: 'garbage', key: '' });
    story.translation.update([applied(web)], now);
    story.translation.commit();
    expect([story.served, story.reasons]).toEqual([undefined, ['InvalidCertificate']]);
  });

  it('is served and reported when it is for other hosts, to those who name it for these', () => {
    const pair = pairFor(['a.test', '*.w.test'], -1, 90);
    const translation = new Translation(translationOptions);
    const claims = { 'a.test': 'i1', 'x.w.test': 'i2', '*.w.test': 'i3', 'w.test': 'i4', 'y.x.w.test': 'i5' };
    const ingresses = Object.entries(claims).map(([host, name]) =>
      ingress(name, { hosts: { [host]: { '/': 'web:80' } }, tls: [{ hosts: [host], secretName: 's' }] }),
    );
    translation.update([ingressClass(), secretOf(pair), ...ingresses].map(applied), now);
    translation.commit();
    const told = translation.problems().filter(({ reason }) => reason === 'CertificateHostMismatch');
    expect(told.map(({ object }) => object.name)).toEqual(['i4', 'i5']);
    expect(told[0]?.message).toContain('"w.test"');
    expect(translation.lastGoodCertificates().size).toBe(1);
  });

  it('is missed where a TLS entry names no Secret, and that is said', () => {
    const translation = new Translation(translationOptions);
    const plain = ingress('web', {
      hosts: { 'a.test': { '/': 'web:80' } },
      tls: [{ hosts: ['a.test'], secretName: '' }],
    });
    translation.update([ingressClass(), plain].map(applied));
    translation.commit();
    expect(translation.problems()).toContainEqual(
      expect.objectContaining({ reason: 'TlsWithoutSecret', field: 'spec.tls[0].secretName', severity: 'warning' }),
    );
  });

  it('brings no virtual host for TLS while it cannot be used', () => {
    const story = new Story();
    story.translation.update([applied(secretOf({ cert: 'garbage', key: '' }))], now);
    const names = story.translation.commit().map(({ name }) => name);
    expect(names).not.toContain('https/a.test');
    story.translation.update([applied(secretOf(good))], now);
    expect(story.translation.commit().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['https/a.test', 'https']),
    );
  });
});
