import { describe, expect, it } from '@jest/globals';
import { decode, encode } from '../../src/proto/message.ts';
import type { MessageName } from '../../src/proto/message.ts';
import { faultOf } from '../../src/validation/wall.ts';
import { probes } from './probes.ts';
import type { Probe } from './probes.ts';

const titled = (verdict: Probe['verdict']) =>
  probes.filter((probe) => probe.verdict === verdict).map((probe) => [probe.title, probe] as const);

describe('the wall', () => {
  it.each(titled('refused'))('refuses, as Envoy does, %s', (_title, { name, message }) => {
    expect(faultOf(name, message)).toBeDefined();
  });

  it.each(titled('dangerous'))('refuses, although Envoy accepts it, %s', (_title, { name, message }) => {
    expect(faultOf(name, message)).toBeDefined();
  });

  it.each(titled('accepted'))('lets through %s', (_title, { name, message }) => {
    expect(faultOf(name, message)).toBeUndefined();
  });

  it('knows every probe that the real Envoy has refused', () => {
    expect(titled('refused').length).toBeGreaterThanOrEqual(75);
  });

  it('names field and rule', () => {
    const [, bad] = titled('refused').find(([title]) => title.includes('X-Evil')) ?? [];
    expect(bad && faultOf(bad.name, bad.message)?.message).toBe(
      'envoy.config.route.v3.VirtualHost.routes[0].request_headers_to_add[0].header.value: "a\\r\\nX-Evil: 1" holds a control character, which no header can have',
    );
  });

  it('judges decoded bytes as it judges what they were made from', () => {
    const passed = (name: MessageName, message: unknown) => faultOf(name, decode(name, encode(name, Object(message))));
    const all = [...titled('refused'), ...titled('dangerous'), ...titled('accepted')];
    const wrong = all.filter(([title, { name, message, verdict }]) => {
      if (/two ways|timeout (0\.0|9{12})|prefix_rewrite/.test(title)) return false;
      return (passed(name, message) === undefined) !== (verdict === 'accepted');
    });
    expect(wrong.map(([title]) => title)).toEqual([]);
  });
});
