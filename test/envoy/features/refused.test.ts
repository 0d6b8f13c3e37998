import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('what Sluice does not do', () => {
  const stage = scene();
  const serve = (host: string, annotations: Readonly<Record<string, string>>) => ({
    hosts: { [host]: { '/': 'web:80' } },
    annotations,
  });

  it('is told, and costs nothing else', async () => {
    await stage.apply({
      waf: serve('waf.test', {
        'enable-modsecurity': 'true',
        'enable-owasp-core-rules': 'true',
        'modsecurity-transaction-id': '$request_id',
      }),
      rest: serve('rest.test', {
        'stream-snippet': 'server { listen 8000; }',
        'enable-opentelemetry': 'true',
        'opentelemetry-trust-incoming-span': 'false',
        'opentelemetry-operation-name': 'name',
        'fastcgi-index': 'index.php',
        'fastcgi-params-configmap': 'default/params',
      }),
    });
    expect(await stage.outcome('waf.test/')).toBe('web /');
    expect(await stage.outcome('rest.test/')).toBe('web /');
    expect(stage.problems()).toEqual([
      'rest enable-opentelemetry InvalidAnnotation',
      'rest fastcgi-index InvalidAnnotation',
      'rest fastcgi-params-configmap InvalidAnnotation',
      'rest stream-snippet InvalidAnnotation',
      'waf enable-modsecurity InvalidAnnotation',
    ]);
  });

  it('closes paths that a firewall would have protected', async () => {
    await stage.apply({
      blocks: serve('blocks.test', {
        'enable-modsecurity': 'true',
        'modsecurity-snippet': 'SecRuleEngine On\nSecRule ARGS "@contains x" "id:1,deny"',
      }),
      detects: serve('detects.test', {
        'enable-modsecurity': 'true',
        'modsecurity-snippet': 'SecRuleEngine DetectionOnly',
      }),
    });
    expect(await stage.outcome('blocks.test/')).toBe('503');
    expect(await stage.outcome('detects.test/')).toBe('web /');
    expect(stage.problems()).toContain('blocks enable-modsecurity InvalidProtection');
  });
});
