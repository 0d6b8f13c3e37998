/** Which addresses are published for which Service, Pods and Nodes. */
import { describe, expect, it } from '@jest/globals';
import { readIngressStatus } from '../../src/cluster/projection/ingress-status.ts';
import { addressSet, haveSameAddresses, mostAddresses } from '../../src/status/address-set.ts';
import { nodeAddresses, servingNodes } from '../../src/status/node-address.ts';
import { reachOf } from '../../src/status/service-address.ts';

function service(spec: object, ingress: readonly object[] = []): unknown {
  return { spec, status: { loadBalancer: { ingress } } };
}

describe('the addresses of a Service', () => {
  it.each<[string, unknown, object]>([
    [
      'load balancer: its addresses with ports, and externalIPs',
      service({ type: 'LoadBalancer', clusterIP: '10.0.0.1', externalIPs: ['198.51.100.7'] }, [
        { ip: '192.0.2.1', ipMode: 'VIP', ports: [{ port: 80, protocol: 'TCP', error: 'Busy' }] },
        { hostname: 'lb.example.org' },
      ]),
      {
        kind: 'addresses',
        addresses: [
          { ip: '192.0.2.1', ports: [{ port: 80, protocol: 'TCP', error: 'Busy' }] },
          { hostname: 'lb.example.org' },
          { ip: '198.51.100.7' },
        ],
      },
    ],
    [
      'load balancer without an address: none yet',
      service({ type: 'LoadBalancer', clusterIP: '10.0.0.1', selector: { app: 'envoy' } }),
      { kind: 'nowhere', why: 'its load balancer has no address yet' },
    ],
    [
      'ExternalName: the name',
      service({ type: 'ExternalName', externalName: 'edge.example.org' }),
      { kind: 'addresses', addresses: [{ hostname: 'edge.example.org' }] },
    ],
    [
      'NodePort: externalIPs',
      service({ type: 'NodePort', externalIPs: ['198.51.100.7'], selector: { app: 'envoy' } }),
      { kind: 'addresses', addresses: [{ ip: '198.51.100.7' }] },
    ],
    [
      'NodePort without externalIPs: the nodes of its Pods',
      service({ type: 'NodePort', clusterIP: '10.0.0.1', selector: { tier: 'edge', app: 'envoy' } }),
      { kind: 'nodes', selector: 'app=envoy,tier=edge' },
    ],
    [
      'ClusterIP: the addresses of both families',
      service({ type: 'ClusterIP', clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::1'] }),
      { kind: 'addresses', addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }, { ip: '10.0.0.1' }] },
    ],
    [
      'headless: the nodes of its Pods',
      service({ type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'envoy' } }),
      { kind: 'nodes', selector: 'app=envoy' },
    ],
    [
      'headless without a selector: nowhere',
      service({ clusterIP: 'None' }),
      { kind: 'nowhere', why: 'it has neither externalIPs nor a selector' },
    ],
    ['garbage: nowhere', 'oops', { kind: 'nowhere', why: 'it has neither externalIPs nor a selector' }],
  ])('%s', (_, object, reach) => {
    expect(reachOf(object)).toEqual(reach);
  });
});

describe('the addresses of nodes', () => {
  const pod = (nodeName: string, hostIP: string, { ready = 'True', ending = false } = {}) => ({
    metadata: ending ? { deletionTimestamp: '2026-01-31T12:00:00Z' } : {},
    spec: { nodeName },
    status: { hostIP, hostIPs: [{ ip: hostIP }], conditions: [{ type: 'Ready', status: ready }] },
  });

  it('are those of nodes with a Pod that is ready and not ending, each once', () => {
    const items = [
      pod('node-b', '10.0.0.2'),
      pod('node-a', '10.0.0.1'),
      pod('node-b', '10.0.0.2'),
      pod('node-c', '10.0.0.3', { ready: 'False' }),
      pod('node-d', '10.0.0.4', { ending: true }),
      pod('', ''),
    ];
    expect(servingNodes({ items })).toEqual([
      { name: 'node-a', hostAddresses: ['10.0.0.1'] },
      { name: 'node-b', hostAddresses: ['10.0.0.2'] },
    ]);
  });

  const node = {
    status: {
      addresses: [
        { type: 'Hostname', address: 'node-a' },
        { type: 'InternalIP', address: '10.0.0.1' },
        { type: 'InternalIP', address: 'fd00::1' },
        { type: 'ExternalIP', address: '192.0.2.1' },
      ],
    },
  };

  it('are the external ones, or the internal ones when asked for or when there are no others', () => {
    expect(nodeAddresses(node, false)).toEqual([{ ip: '192.0.2.1' }]);
    expect(nodeAddresses(node, true)).toEqual([{ ip: '10.0.0.1' }, { ip: 'fd00::1' }]);
    const inside = { status: { addresses: node.status.addresses.slice(0, 2) } };
    expect(nodeAddresses(inside, false)).toEqual([{ ip: '10.0.0.1' }]);
    expect(nodeAddresses(undefined, false)).toEqual([]);
  });
});

describe('a set of addresses', () => {
  it('does not depend on order and repetition', () => {
    const some = [{ hostname: 'b.test' }, { ip: '192.0.2.2' }, { ip: '192.0.2.1' }, { hostname: 'b.test' }];
    expect(addressSet(some)).toEqual([{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }, { hostname: 'b.test' }]);
    expect(addressSet(some.toReversed())).toEqual(addressSet(some));
  });

  it('is bounded, because every Ingress carries it', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({ hostname: `node-${index}.test` }));
    expect(addressSet(many)).toHaveLength(mostAddresses);
  });

  it('is the same in another order, and another with other ports', () => {
    const a = { ip: '192.0.2.1', ports: [{ port: 80, protocol: 'TCP' }] };
    const b = { hostname: 'b.test' };
    expect(haveSameAddresses([a, b], [b, a])).toBe(true);
    expect(haveSameAddresses([a, b], [b, { ip: '192.0.2.1' }])).toBe(false);
    expect(haveSameAddresses([a, b], [a])).toBe(false);
  });
});

describe('the status of an Ingress', () => {
  it('is its addresses, and which of its managers are ours', () => {
    const managedFields = [
      { manager: 'sluice:edge/leader', operation: 'Apply', subresource: 'status' },
      { manager: 'sluice:edge/leader', operation: 'Apply' },
      { manager: 'nginx-ingress-controller', operation: 'Update', subresource: 'status' },
    ];
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1', ports: [{ port: 80 }] }, {}, 'oops'] } };
    expect(readIngressStatus({ metadata: { managedFields }, status })).toEqual({
      addresses: [{ ip: '192.0.2.1', ports: [{ port: 80, protocol: 'TCP' }] }],
      managers: ['sluice:edge/leader'],
    });
  });

  it.each<[object]>([[{}], [{ status: 7, metadata: [] }], [{ status: { loadBalancer: { ingress: 'x' } } }]])(
    'is nothing in %j',
    (raw) => {
      expect(readIngressStatus({ ...raw })).toBeUndefined();
    },
  );
});
