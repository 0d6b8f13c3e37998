/** Which endpoints of a Service are used while it and its EndpointSlices do not agree yet. */
import { describe, expect, it } from '@jest/globals';
import type { EndpointSlice, Service } from '../../src/cluster/kubernetes-object.ts';
import { resolveBackend } from '../../src/ingress/backend-resolution.ts';
import { resolveEndpoints } from '../../src/ingress/endpoint-resolution.ts';
import { endpointSlice, service } from '../support/objects.ts';

/** Of port 80, as `address:port`. */
function endpointsOf(of: Service, ...slices: readonly EndpointSlice[]): readonly string[] {
  const backend = { namespace: 'default', service: 'web', port: { kind: 'number', number: 80 } } as const;
  const resolved = resolveBackend(backend, of, [], { allowExternalNames: false, allowLocalEndpoints: true });
  return resolveEndpoints(resolved, slices, { allowLocalEndpoints: false }).endpoints.map(
    ({ address, port }) => `${address}:${port}`,
  );
}

/** As the EndpointSlice controller writes it. */
function followingSlice(name: string, ports: Readonly<Record<string, number>>, address: string): EndpointSlice {
  return { ...endpointSlice(name, 'web', ports, [address]), followsService: true };
}

describe('the endpoints of a Service whose port was renamed', () => {
  const renamed = service('web', { web: 80 });

  it('stay while the EndpointSlice controller has not followed', () => {
    expect(endpointsOf(renamed, followingSlice('a', { http: 8080 }, '10.0.0.1'))).toEqual(['10.0.0.1:8080']);
    expect(endpointsOf(service('web', { '': 80 }), followingSlice('a', { http: 8080 }, '10.0.0.1'))).toHaveLength(1);
  });

  it('stay while it has followed in some slices only', () => {
    const slices = [followingSlice('a', { http: 8080 }, '10.0.0.1'), followingSlice('b', { web: 8080 }, '10.0.0.2')];
    expect(endpointsOf(renamed, ...slices)).toEqual(['10.0.0.1:8080', '10.0.0.2:8080']);
  });

  it('are not guessed from slices that somebody else writes, who may mean another port', () => {
    expect(endpointsOf(renamed, endpointSlice('a', 'web', { http: 8080 }, ['10.0.0.1']))).toEqual([]);
  });

  it('are not guessed where there are several ports', () => {
    const slice = followingSlice('a', { http: 8080 }, '10.0.0.1');
    const two = followingSlice('a', { http: 8080, admin: 9090 }, '10.0.0.1');
    expect(endpointsOf(service('web', { web: 80, admin: 90 }), slice)).toEqual([]);
    expect(endpointsOf(renamed, two)).toEqual([]);
    expect(endpointsOf(service('web', { http: 80, admin: 90 }), two)).toEqual(['10.0.0.1:8080']);
  });

  it('are none where the only port is not one of TCP, or not open', () => {
    const slice = followingSlice('a', { http: 8080 }, '10.0.0.1');
    expect(endpointsOf(renamed, { ...slice, ports: [{ name: 'http', port: 8080, protocol: 'UDP' }] })).toEqual([]);
    expect(endpointsOf(renamed, { ...slice, ports: [{ name: 'http', port: 0, protocol: 'TCP' }] })).toEqual([]);
    expect(endpointsOf(renamed, { ...slice, ports: [] })).toEqual([]);
  });
});
