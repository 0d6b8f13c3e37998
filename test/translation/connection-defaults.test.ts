import { describe, expect, it } from '@jest/globals';
import type { Defaults } from '../../src/features/policies.ts';
import { toJson } from '../../src/proto/message.ts';
import { connectionDefaults } from '../../src/translation/connection-defaults.ts';
import { Translation } from '../../src/translation/translation.ts';
import { encodeValid } from '../../src/validation/wall.ts';
import { translateHttpListener } from '../../src/translate/listener.ts';
import { applied, configMap } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';

const listen = { address: '127.0.0.1', httpPort: 8080, httpsPort: 8443 };
const object = { kind: 'ConfigMap', namespace: 'default', name: 'settings' };

/** As if the features let this pass. */
function defaults(byFeature: Readonly<Record<string, unknown>>, data: Readonly<Record<string, string>>): Defaults {
  const settings = { prefix: 'nginx.ingress.kubernetes.io', configMap: data, object };
  return { settings, policies: { byFeature }, isClosed: false, problems: [] };
}

/** The listener for plain HTTP, which keeps to all rules. */
function listenerOf(found: ReturnType<typeof connectionDefaults>): string {
  const listener = translateHttpListener(found.listen, found.policies);
  const body = encodeValid('envoy.config.listener.v3.Listener', listener);
  return JSON.stringify(toJson('envoy.config.listener.v3.Listener', body));
}

describe('what the ConfigMap asks of all connections', () => {
  it('is left out where it would be refused, and the rest of it stays', () => {
    const bad = { header: 'max-age=1\r\nx-evil: 1' };
    const gzip = { level: 1, least: 256, types: ['text/html'] };
    const found = connectionDefaults(
      listen,
      defaults({ hsts: bad, gzip }, { 'hsts-max-age': '1', 'use-gzip': 'true' }),
    );
    expect(Object.keys(found.policies.byFeature)).toEqual(['gzip']);
    expect(listenerOf(found)).not.toContain('"closed"');
    expect(found.refusals).toMatchObject([
      { origin: { object, field: 'data[hsts-max-age]' }, cost: 'It does nothing' },
    ]);
  });

  it('closes everything where it would be refused and says who may pass', () => {
    const policy = { addresses: [], agents: ['~*+x'], referers: [] };
    const found = connectionDefaults(listen, defaults({ 'blocked-clients': policy }, { 'block-user-agents': '~*+x' }));
    expect(listenerOf(found)).toContain('"http_filters":[{"name":"closed"');
    expect(found.refusals).toMatchObject([
      { origin: { field: 'data[block-user-agents]' }, cost: expect.stringContaining('503') },
    ]);
  });

  it.each(['block-user-agents', 'block-referers'])('finds what %s repeats without anything before it', (key) => {
    const translation = new Translation({ ...translationOptions, configMap: object });
    translation.update([configMap('settings', { [key]: 'a bot,~**curl' })].map(applied));
    const names = translation.commit().map(({ name }) => name);
    expect(names).toContain('http');
    expect(translation.problems()).toMatchObject([{ object, field: `data[${key}]`, reason: 'InvalidProtection' }]);
  });
});
