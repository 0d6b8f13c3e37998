import { describe, expect, it } from '@jest/globals';
import { ingressNginxSettings } from '../../src/features/ingress-nginx-settings.ts';
import { defaultSettings, readDefaults } from '../../src/features/policies.ts';
import { features } from '../../src/features/registry.ts';
import { unownedKeyProblem } from '../../src/features/unowned-setting.ts';
import { configMap, ingressClass, applied } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';
import { Translation } from '../../src/translation/translation.ts';

const object = { kind: 'ConfigMap', namespace: 'default', name: 'settings' };

function problems(data: Readonly<Record<string, string>>) {
  return readDefaults({ ...defaultSettings, object, configMap: data }).problems;
}

describe('keys of the ConfigMap', () => {
  it('are told from typing errors by the names that ingress-nginx knows', () => {
    expect(problems({ 'proxi-body-size': '1m', whatever: '1' })).toMatchObject([
      {
        object,
        field: 'data[proxi-body-size]',
        reason: 'UnknownSetting',
        fix: 'write proxy-body-size, if that is meant',
      },
      { reason: 'UnknownSetting', severity: 'warning', fix: 'remove it, or correct its name' },
    ]);
  });

  it('are needless, or missed, each with its reason', () => {
    expect(problems({ 'worker-processes': '4', 'gzip-disable': 'msie6', 'http-snippet': 'x' })).toMatchObject([
      { reason: 'UnsupportedSetting', severity: 'warning', message: expect.stringContaining('compressed') },
      { reason: 'UnsupportedSetting', severity: 'warning' },
      { reason: 'NeedlessSetting', severity: 'info', message: expect.stringContaining('sizes') },
    ]);
  });

  it('are not spoken of where they ask for what is so anyway', () => {
    expect(problems({ 'enable-modsecurity': 'false', 'enable-ocsp': 'false', 'ssl-reject-handshake': '' })).toEqual([]);
  });

  it('are told apart where they protect: without a feature that owns them they close all paths', () => {
    expect(unownedKeyProblem('global-auth-url', 'http://a.test', [])).toMatchObject({
      reason: 'UnsupportedProtection',
    });
  });

  it('that features own are names of ingress-nginx', () => {
    const owned = features.flatMap(({ settings }) => Object.values(settings).flatMap((each) => each.configMap ?? []));
    // A flag there.
    expect(owned.filter((key) => !ingressNginxSettings.has(key))).toEqual(['enable-ssl-passthrough']);
  });
});

describe('the ConfigMap that a flag names', () => {
  it('is followed as it comes, changes and goes', () => {
    const translation = new Translation({
      ...translationOptions,
      configMap: { namespace: 'default', name: 'settings' },
    });
    const reasons = () => translation.problems().map(({ reason }) => reason);
    translation.update([applied(ingressClass()), applied(configMap('settings', { hsts: 'x' }, 'other'))]);
    translation.commit();
    expect(reasons()).toEqual(['ConfigMapNotFound']);
    translation.update([applied(configMap('settings', { hsts: 'maybe' }))]);
    translation.commit();
    expect(reasons()).toEqual(['InvalidAnnotation']);
    translation.update([applied(configMap('settings', { hsts: 'true' }))]);
    translation.commit();
    expect(reasons()).toEqual([]);
  });
});
