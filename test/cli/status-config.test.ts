/** What the flags about statuses, Events and the leader mean, and the one line that a wrong one gets. */
import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config.ts';
import { type Environment, type Flags, UsageError } from '../../src/setting.ts';

const traits = { filesOnly: false, listenAddress: '0.0.0.0', logLevel: 'info', logFormat: 'json' } as const;

function read(flags: Flags, environment: Environment = {}): unknown {
  return readConfig({ kubeconfig: 'admin.conf', ...flags }, environment, traits).status;
}

describe('configuration of what is written into a cluster', () => {
  it('needs no flag: then Events are written, by the holder of a Lease, and no addresses', () => {
    expect(read({})).toEqual({
      wantsInternalAddresses: false,
      addressIntervalMs: 10_000,
      writesEvents: true,
      election: { id: 'sluice-leader', leaseMs: 15_000, identity: expect.stringMatching(/._\d+$/) },
    });
  });

  it('is absent where objects come from files', () => {
    expect(readConfig({ dir: ['manifests'] }, {}, traits).status).toBeUndefined();
  });

  it.each<[Flags, object]>([
    [{ publishService: 'edge/envoy' }, { addresses: { kind: 'service', namespace: 'edge', name: 'envoy' } }],
    [
      { publishStatusAddress: ['192.0.2.1, lb.example.org', '2001:db8::1'] },
      { addresses: { kind: 'fixed', addresses: ['192.0.2.1', 'lb.example.org', '2001:db8::1'] } },
    ],
    [
      { publishEnvoyNodes: 'app=envoy', reportNodeInternalIpAddress: true },
      { addresses: { kind: 'nodes', selector: 'app=envoy' }, wantsInternalAddresses: true },
    ],
    [
      { statusUpdateInterval: '60', publishEvents: 'false' },
      { addressIntervalMs: 60_000, writesEvents: false },
    ],
    [{ electionId: 'blue', electionTtl: '30s' }, { election: { id: 'blue', leaseMs: 30_000 } }],
    [{ disableLeaderElection: true, leaderElectionNamespace: 'edge' }, { election: { leaseMs: 0, namespace: 'edge' } }],
  ])('reads the flags %j', (flags, part) => {
    expect(read(flags)).toMatchObject(part);
  });

  it('writes no status when told so', () => {
    expect(read({ publishService: 'edge/envoy', updateStatus: 'false' })).not.toHaveProperty('addresses');
  });

  it('takes from the environment what no flag says, and its name and namespace from the Pod', () => {
    const environment = {
      SLUICE_PUBLISH_STATUS_ADDRESS: '192.0.2.1,192.0.2.2',
      POD_NAME: 'sluice-7d4b9-x2x4z',
      POD_NAMESPACE: 'edge',
    };
    expect(read({}, environment)).toMatchObject({
      addresses: { kind: 'fixed', addresses: ['192.0.2.1', '192.0.2.2'] },
      election: { identity: 'sluice-7d4b9-x2x4z', namespace: 'edge' },
    });
  });

  it.each<[Flags, string]>([
    [
      { publishService: 'edge/envoy', publishStatusAddress: ['192.0.2.1'] },
      '--publish-service and --publish-status-address exclude each other: keep one of them',
    ],
    [
      { publishStatusAddress: ['192.0.2.1,300.1.1.1'] },
      '--publish-status-address "192.0.2.1,300.1.1.1" is not a list of addresses: write it like 192.0.2.1,lb.example.org',
    ],
    [
      { publishEnvoyNodes: 'app=envoy&x' },
      '--publish-envoy-nodes "app=envoy&x" is not a label selector: write it like app.kubernetes.io/name=envoy',
    ],
    [{ electionTtl: '1s' }, '--election-ttl "1s" is too short: give at least 3s'],
    [{ electionId: 'A B' }, '--election-id "A B" is not a name: use lower case letters, digits and -'],
    [{ updateStatus: 'maybe' }, '--update-status "maybe" is neither true nor false: write true or false'],
    [{ statusUpdateInterval: '10ms' }, '--status-update-interval "10ms" is too short: give at least 1s'],
    [
      { kubeconfig: undefined, dir: ['manifests'], publishStatusAddress: ['192.0.2.1'] },
      '--publish-status-address "192.0.2.1" needs a cluster: leave it out with --dir',
    ],
  ])('refuses %j in one line that names flag, value and fix', (flags, message) => {
    expect(() => read(flags)).toThrow(new UsageError(message));
  });
});
