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
    readonly template: {
      readonly spec: {
        readonly initContainers: readonly { readonly name: string; readonly args: readonly string[] }[];
      };
    };
  };
}

/** What stands behind `--config-yaml` in the Envoys' Deployment. */
function overlayOf(zone: string): object {
  const path = join(import.meta.dirname, '..', '..', 'manifests', 'base', 'envoy', 'deployment.yaml');
  const { spec }: Deployment = parse(readFileSync(path, 'utf8'));
  const args = spec.template.spec.initContainers.find(({ name }) => name === 'envoy')?.args ?? [];
  return parse((args[args.indexOf('--config-yaml') + 1] ?? '').replaceAll('$(ZONE)', zone));
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
    ['zone-2', ['b']],
    ['zone-9', ['a', 'b', 'c']],
    ['', ['a', 'b', 'c']],
  ])('in zone "%s" uses %j', async (zone, expected) => {
    const envoy = await joinEnvoy({ xdsPort: serving.port, nodeId: `in-${zone}`, overlay: overlayOf(zone) });
    try {
      const port = await envoy.listenerPort('http');
      await eventually(async () => expect((await httpRequest({ port, host: 'web.test' })).status).toBe(200));
      const answers = await Promise.all(Array.from({ length: 60 }, () => httpRequest({ port, host: 'web.test' })));
      const names = answers.map(({ body }) => String(Object(JSON.parse(body)).backend));
      expect([...new Set(names)].toSorted()).toEqual(expected);
    } finally {
      await envoy.stop();
    }
  });
});
