/** What the writer of statuses asks of the translation, and that its writing causes no work. */
import { describe, expect, it } from '@jest/globals';
import { Translation } from '../../src/translation/translation.ts';
import { applied, ingress, ingressClass } from '../support/objects.ts';

function translation(): Translation {
  return new Translation({
    classes: { names: ['sluice'], controllers: ['sluice.dev/ingress-controller'], watchWithoutClass: false },
    listen: { address: '0.0.0.0', httpPort: 8080, httpsPort: 8443 },
    defaults: {},
  });
}

describe('the translation', () => {
  it('says which Ingresses are ours, and which may have come or gone', () => {
    const subject = translation();
    subject.update([applied(ingress('web', {})), applied(ingress('other', { className: 'other' }))]);
    subject.commit();
    expect([...subject.takeTouchedIngresses()].toSorted()).toEqual(['default/other', 'default/web']);
    expect(subject.isOurs('default/web')).toBe(false);

    subject.update([applied(ingressClass())]);
    subject.commit();
    expect([...subject.takeTouchedIngresses()]).toEqual(['default/web']);
    expect(['default/web', 'default/other', 'default/none'].map((key) => subject.isOurs(key))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('computes nothing when only the status of an Ingress changes', () => {
    const subject = translation();
    subject.update([applied(ingressClass()), applied(ingress('web', {}))]);
    subject.commit();
    subject.takeRecomputed();
    subject.takeTouchedIngresses();

    subject.update([applied({ ...ingress('web', {}), status: { addresses: [{ ip: '192.0.2.1' }], managers: [] } })]);

    expect(subject.commit()).toEqual([]);
    expect([...subject.takeRecomputed()]).toEqual([['Ingress', 1]]);
    expect(subject.takeTouchedIngresses().size).toBe(0);
  });
});
