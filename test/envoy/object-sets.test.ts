/** What comes out of generated sets of objects, shown to a real Envoy. `SLUICE_OBJECT_SETS=5000` makes so many sets. */
import * as fc from 'fast-check';
import { expect, it } from '@jest/globals';
import { decode } from '../../src/proto/message.ts';
import type { MessageTypes } from '../../src/proto/message.ts';
import {
  holdAssignments,
  holdClusters,
  holdSecrets,
  holdVirtualHosts,
  refusedAmong,
} from '../support/envoy-verdict.ts';
import type { Holder } from '../support/envoy-verdict.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { objectSet } from '../translation/arbitrary-objects.ts';
import { translateSet } from '../translation/object-set.ts';
import type { ResourceName } from '../translation/object-set.ts';

const { SLUICE_OBJECT_SETS: wanted = '300' } = process.env;

/** All resources of a type, with the number of their set. */
function madeOf<N extends ResourceName>(name: N): readonly (readonly [MessageTypes[N], number])[] {
  return made.flatMap(({ resources, set }) =>
    resources.filter((each) => each.name === name).map(({ body }) => [decode(name, body), set] as const),
  );
}

const made = fc
  .sample(objectSet, Number(wanted))
  .map((make, set) => ({ set, resources: translateSet(make(set)).resources }));

async function refused<T>(resources: readonly T[], hold: Holder<T>): Promise<readonly string[]> {
  const found: string[] = [];
  for (let at = 0; at < resources.length; at += 500) {
    // oxlint-disable-next-line no-await-in-loop -- one Envoy at a time
    const all = await refusedAmong(resources.slice(at, at + 500), hold);
    found.push(...all.map(([resource, said]) => `${said.slice(-400)}: ${JSON.stringify(resource).slice(0, 2_000)}`));
  }
  return found;
}

describeWithEnvoy('what is made of generated sets of objects', () => {
  it('an Envoy accepts as virtual hosts', async () => {
    // Names that stand in several sets, such as that of the catch-all host, are told apart.
    const hosts = madeOf('envoy.config.route.v3.VirtualHost').map(([host, set], index) => ({
      ...host,
      domains: (host.domains ?? []).map((domain) =>
        domain === '*' ? `all${set}-${index}.test` : `${domain}.n${set}-${index}`,
      ),
    }));
    const whole = hosts.map((host) => ({
      ...host,
      domains: host.domains.map((domain) => (domain.startsWith('*.') ? domain : domain.replaceAll('*', 'x'))),
    }));
    expect(await refused(whole, holdVirtualHosts)).toEqual([]);
    expect(whole.length).toBeGreaterThan(Number(wanted));
  }, 3_000_000);

  it('an Envoy accepts as clusters and endpoints', async () => {
    const clusters = madeOf('envoy.config.cluster.v3.Cluster').map(([cluster], index) => ({
      ...cluster,
      name: `${cluster.name ?? ''}${index}`,
    }));
    expect(await refused(clusters, holdClusters)).toEqual([]);
    const assignments = madeOf('envoy.config.endpoint.v3.ClusterLoadAssignment').map(([assignment]) => assignment);
    expect(await refused(assignments, holdAssignments)).toEqual([]);
  }, 3_000_000);

  it('an Envoy accepts as certificates', async () => {
    const secrets = madeOf('envoy.extensions.transport_sockets.tls.v3.Secret').map(([secret]) => secret);
    expect(await refused(secrets, holdSecrets)).toEqual([]);
    expect(secrets.length).toBeGreaterThan(0);
  }, 3_000_000);

  it('an Envoy accepts as listeners', async () => {
    const listeners = madeOf('envoy.config.listener.v3.Listener').map(([listener], index) => ({
      ...listener,
      name: `${listener.name ?? ''}${index}`,
    }));
    expect(await refused(listeners, (all) => ({ listeners: all }))).toEqual([]);
    expect(listeners.length).toBeGreaterThan(Number(wanted) * 1.05);
  }, 3_000_000);
});
