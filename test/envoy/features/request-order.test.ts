/**
 * Who answers first: each pair of policies on one path, by a real Envoy, in the order of nginx's phases. What stands further up in
 * the list below answers although what stands further down would as well.
 */
import { expect, it } from '@jest/globals';
import { configMap, secret } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';
import type { SceneIngress } from './scene.ts';

interface Policy {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly backend?: string;
  readonly outcome: string;
}

/** In the order of the phases; each answers the request below by itself. */
const policies: readonly Policy[] = [
  { name: 'closed', annotations: { 'denylist-source-range': 'nonsense' }, outcome: '503' },
  { name: 'size', annotations: { 'proxy-body-size': '1k' }, outcome: '413' },
  { name: 'preflight', annotations: { 'enable-cors': 'true' }, outcome: '204' },
  { name: 'snippet', annotations: { 'configuration-snippet': 'return 418;' }, outcome: '418' },
  { name: 'redirect', annotations: { 'permanent-redirect': 'https://away.test/' }, outcome: '301 https://away.test/' },
  { name: 'rewrite', annotations: { 'rewrite-target': 'http://else.test/x' }, outcome: '302 http://else.test/x' },
  { name: 'tls', annotations: { 'force-ssl-redirect': 'true' }, outcome: '308 https' },
  { name: 'empty', annotations: {}, backend: 'nobody:80', outcome: '503' },
  { name: 'rate', annotations: { 'limit-rpm': '1', 'limit-burst-multiplier': '1' }, outcome: '429' },
  { name: 'address', annotations: { 'whitelist-source-range': '192.0.2.0/24' }, outcome: '403' },
  { name: 'password', annotations: { 'auth-type': 'basic', 'auth-secret': 'users' }, outcome: '401' },
  {
    name: 'service',
    annotations: { 'auth-url': 'http://auth.default.svc/no' },
    outcome: '403',
  },
];

const pairs = policies.flatMap((first, index) => policies.slice(index + 1).map((second) => [first, second] as const));
const body = 'x'.repeat(2000);
const hostOf = (first: Policy, second: Policy): string => `${first.name}-${second.name}.test`;

describeWithEnvoy('of two policies of a path', () => {
  const s = scene({
    backends: { web: {}, auth: { handler: (_request, response) => response.writeHead(403).end() } },
    configMapNamed: 'settings',
  });
  let isApplied = false;

  async function apply(): Promise<void> {
    if (isApplied) return;
    isApplied = true;
    const ingresses = pairs.map(([first, second]): readonly [string, SceneIngress] => [
      `${first.name}-${second.name}`,
      {
        hosts: { [hostOf(first, second)]: { '/path': first.backend ?? second.backend ?? 'web:80' } },
        annotations: { ...first.annotations, ...second.annotations },
      },
    ]);
    await s.apply(
      Object.fromEntries(ingresses),
      secret('users', { auth: 'user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' }),
      configMap('settings', { 'limit-req-status-code': '429', 'allow-snippet-annotations': 'true' }),
    );
  }

  it.each(pairs.map(([first, second]) => [first.name, second.name, first, second] as const))(
    '%s answers before %s',
    async (_first, _second, first, second) => {
      await apply();
      let last = '';
      // The limit lets two pass.
      for (let count = 0; count < 4; count += 1) {
        last = await s.outcome(`${hostOf(first, second)}/path`, {
          method: 'OPTIONS',
          body,
          headers: { 'content-length': String(body.length) },
        });
      }
      const expected = first.outcome === '308 https' ? `308 https://${hostOf(first, second)}/path` : first.outcome;
      expect(last).toBe(expected);
    },
  );
});
