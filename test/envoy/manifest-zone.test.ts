/** An Envoy that is started as the manifests say uses the endpoints of its zone where a Service asks for that, and all without a zone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import type { EndpointSlice, Service } from '../../src/cluster/kubernetes-object.ts';
import { type Backend, startBackend } from '../support/backend.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { type Serving, startServing } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';

interface Deployment {
  readonly spec: {
    readonly template: { readonly spec: { readonly initContainers: readonly { readonly args: readonly string[] }[] } };
  };
}

/** What stands behind `--config-yaml` in the Envoys' Deployment. */
function zoneFlags(zone: string): readonly string[] {
  const path = join(import.meta.dirname, '..', '..', 'manifests', 'base', 'envoy', 'deployment.yaml');
  const { spec }: Deployment = parse(readFileSync(path, 'utf8'));
  const args = spec.template.spec.initContainers[0]?.args ?? [];
  const at = args.indexOf('--config-yaml');
  return args.slice(at, at + 2).map((each) => each.replaceAll('$(ZONE)', zone));
}

describeWithEnvoy('an Envoy of the manifests', () => {
  let backends: readonly Backend[];
  let serving: Serving;

  beforeAll(async () => {
    backends = await Promise.all(['a', 'b', 'c'].map((name) => startBackend({ name })));
    serving = await startServing();
    const web: Service = service('web', { http: 80 });
    const slices = backends.map(({ port }, index): EndpointSlice => {
      const made = endpointSlice(`web-${index}`, 'web', { http: port }, ['127.0.0.1']);
      return { ...made, endpoints: made.endpoints.map((each) => ({ ...each, zone: `zone-${index + 1}` })) };
    });
    serving.apply(
      ingressClass(),
      { ...web, spec: { ...web.spec, trafficDistribution: 'PreferSameZone' } },
      ...slices,
      ingress('web', { hosts: { 'web.test': { '/': 'web:80' } } }),
    );
  });

  afterAll(async () => {
    await serving?.stop();
    await Promise.all((backends ?? []).map((each) => each.close()));
  });

  it.each([
    ['zone-2', { b: 12 }],
    ['zone-9', { a: 4, b: 4, c: 4 }],
    ['', { a: 4, b: 4, c: 4 }],
  ])('in zone "%s" uses %j', async (zone, expected) => {
    const envoy = await joinEnvoy({ xdsPort: serving.port, nodeId: `in-${zone}`, flags: zoneFlags(zone) });
    try {
      const port = await envoy.listenerPort('http');
      await eventually(async () => expect((await httpRequest({ port, host: 'web.test' })).status).toBe(200));
      const answered: Record<string, number> = {};
      for (let index = 0; index < 12; index += 1) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other, so that the order of balancing shows
        const { body } = await httpRequest({ port, host: 'web.test' });
        const { backend }: { backend: string } = JSON.parse(body);
        answered[backend] = (answered[backend] ?? 0) + 1;
      }
      expect(answered).toEqual(expected);
    } finally {
      await envoy.stop();
    }
  });
});
