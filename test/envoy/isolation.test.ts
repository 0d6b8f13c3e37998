import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { encode } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { createResource } from '../../src/xds/resource.ts';
import type { ResourceChange } from '../../src/xds/view.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { applied, endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';

const tenants = Array.from({ length: 12 }, (_, index) => `t${index}`);
const bad = 't5';
const good = tenants.filter((tenant) => tenant !== bad);

/** What no check of ours lets through, put into the snapshot by force: what an Envoy refuses must cost nobody else. */
function unacceptable(): readonly ResourceChange[] {
  const assignment = encode('envoy.config.endpoint.v3.ClusterLoadAssignment', {
    cluster_name: `default/${bad}/80`,
    endpoints: [
      {
        lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'fe80::1%nosuchif', port_value: 80 } } } }],
      },
    ],
  });
  const secret = encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
    name: `default/${bad}`,
    tls_certificate: { certificate_chain: { inline_string: 'garbage' }, private_key: { inline_string: 'garbage' } },
  });
  return [
    { typeUrl: typeUrl.clusterLoadAssignment, name: `default/${bad}/80`, body: assignment },
    { typeUrl: typeUrl.secret, name: `default/${bad}`, body: secret },
  ].map(({ typeUrl: type, name, body }) => ({ typeUrl: type, name, resource: createResource(type, name, body) }));
}

describeWithEnvoy('an Envoy that refuses a load assignment and a secret among a dozen', () => {
  let backend: Backend;
  let serving: Serving;
  let envoy: RunningEnvoy;

  beforeAll(async () => {
    backend = await startBackend();
    serving = await startServing();
    const objects = tenants.flatMap((tenant) => {
      const { cert, key } = certificate({ names: [`${tenant}.test`] });
      return [
        service(tenant, { http: 80 }),
        endpointSlice(tenant, tenant, { http: backend.port }, ['127.0.0.1']),
        tlsSecret(tenant, cert, key),
        ingress(tenant, {
          hosts: { [`${tenant}.test`]: { '/': `${tenant}:80` } },
          tls: [{ hosts: [`${tenant}.test`], secretName: tenant }],
          annotations: { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' },
        }),
      ];
    });
    serving.translation.update([ingressClass(), ...objects].map(applied));
    const forced = unacceptable();
    const isForced = new Set(forced.map(({ name, typeUrl: type }) => `${type} ${name}`));
    const rest = serving.translation.commit().filter(({ name, typeUrl: type }) => !isForced.has(`${type} ${name}`));
    serving.server.publish([...rest, ...forced]);
    envoy = await joinEnvoy({ xdsPort: serving.port });
  });

  afterAll(async () => {
    await envoy?.stop();
    await serving?.stop();
    await backend?.close();
  });

  it.each(['http', 'https'])('serves all the others over %s', async (listener) => {
    const port = await envoy.listenerPort(listener);
    await eventually(async () => {
      const answers = await Promise.all(
        good.map((tenant) => httpRequest({ port, host: `${tenant}.test`, ...(listener === 'https' && { tls: {} }) })),
      );
      expect(answers.map(({ status }) => status)).toEqual(good.map(() => 200));
    });
  });

  it('is reported with the culprits alone', async () => {
    await eventually(() => {
      const rejected = serving.server
        .streams()
        .flatMap(({ session }) => session.subscriptions().flatMap((each) => [...each.rejected.keys()]));
      expect(rejected).toEqual([`default/${bad}/80`, `default/${bad}`]);
    });
  });
});
