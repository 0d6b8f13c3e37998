/** An Envoy takes up a changed cluster only with endpoints that come after it, though it has them: so they must come. */
import { expect, it } from '@jest/globals';
import { encode } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { translateCluster } from '../../src/translate/cluster.ts';
import { translateClusterLoadAssignment } from '../../src/translate/cluster-load-assignment.ts';
import { createResource } from '../../src/xds/resource.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { eventually } from '../support/eventually.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { changes } from '../support/resources.ts';
import { describeWithEnvoy } from '../support/tools.ts';

function cluster(seconds: number): Resource {
  const body = encode('envoy.config.cluster.v3.Cluster', {
    ...translateCluster('web', { protocol: 'http1', prefer: 'any' }),
    connect_timeout: `${seconds}s`,
  });
  return createResource(typeUrl.cluster, 'web', body);
}

const assignment = encode('envoy.config.endpoint.v3.ClusterLoadAssignment', translateClusterLoadAssignment('web', []));
const endpoints = createResource(typeUrl.clusterLoadAssignment, 'web', assignment);

describeWithEnvoy('an Envoy whose cluster changes', () => {
  it.each(['delta', 'sotw'] as const)(
    'takes it up at once over %s, though its endpoints are the same',
    async (protocol) => {
      const server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined });
      const xdsPort = await server.start();
      server.publish(changes([cluster(5), endpoints]));
      const envoy = await joinEnvoy({ xdsPort, protocol });
      try {
        await eventually(async () => expect(await envoy.stat('cluster_manager.cds.update_success')).toBe(1));
        server.publish(changes([cluster(6)]));
        // Envoy's own patience with endpoints that do not come is 15 s.
        await eventually(async () => expect(await envoy.stat('cluster_manager.cluster_modified')).toBe(1), {
          within: 5_000,
        });
        await eventually(async () => expect(await envoy.stat('cluster_manager.warming_clusters')).toBe(0), {
          within: 5_000,
        });
      } finally {
        await envoy.stop();
        await server.stop();
      }
    },
  );
});
