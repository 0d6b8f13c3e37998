/** The bootstrap is checked as data here; test/envoy/bootstrap.test.ts shows it to an Envoy. */
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readBootstrap, renderBootstrap, renderBootstrapFiles } from '../../src/cli/bootstrap.ts';
import type { Flags } from '../../src/setting.ts';

const required: Flags = { xdsAddress: 'sluice.example:18000', nodeId: 'edge-1' };

const verifier = { name: 'verifier' };

function render(flags: Flags = {}): unknown {
  return parse(renderBootstrap(readBootstrap({ ...required, ...flags })));
}

describe('bootstrap', () => {
  it('joins the fleet over delta ADS and never becomes ready without listeners and clusters', () => {
    expect(render({ cluster: 'berlin' })).toMatchObject({
      node: { id: 'edge-1', cluster: 'berlin' },
      dynamic_resources: {
        ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', set_node_on_first_message_only: true },
        lds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
        cds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
      },
    });
  });

  it.each([
    ['sluice.example:18000', 'STRICT_DNS', 'sluice.example'],
    ['10.0.0.1:18000', 'STATIC', '10.0.0.1'],
    ['[fd00::1]:18000', 'STATIC', 'fd00::1'],
  ])('reaches the control plane at %s as %s', (xdsAddress, type, address) => {
    const endpoint = { address: { socket_address: { address, port_value: 18_000 } } };
    expect(render({ xdsAddress })).toMatchObject({
      static_resources: {
        clusters: [{ name: 'xds', type, load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint }] }] } }, verifier],
      },
    });
  });

  it('says in which zone the Envoy is, and gives it a cluster of its own to compare with', () => {
    const locality = { zone: 'eu-1a' };
    expect(render({ zone: 'eu-1a' })).toMatchObject({
      node: { locality },
      cluster_manager: { local_cluster_name: 'local' },
      static_resources: {
        clusters: [{ name: 'xds' }, verifier, { name: 'local', load_assignment: { endpoints: [{ locality }] } }],
      },
    });
    expect(render()).not.toHaveProperty('cluster_manager');
  });

  it('shows its certificate, and accepts the control plane only under the name that it calls it by', () => {
    expect(render({ xdsTlsCert: 'cert.pem', xdsTlsKey: 'key.pem', xdsTlsCa: 'ca.pem' })).toMatchObject({
      static_resources: {
        clusters: [
          {
            transport_socket: {
              typed_config: {
                sni: 'sluice.example',
                common_tls_context: {
                  tls_certificates: [
                    { certificate_chain: { filename: 'cert.pem' }, private_key: { filename: 'key.pem' } },
                  ],
                  validation_context: {
                    trusted_ca: { filename: 'ca.pem' },
                    match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'sluice.example' } }],
                  },
                },
              },
            },
          },
          verifier,
        ],
      },
    });
  });

  it('keeps the admin interface on a socket of its own user unless told otherwise', () => {
    const pipe = { path: '/tmp/sluice-envoy-admin.sock', mode: 0o600 };
    expect(render()).toMatchObject({ admin: { address: { pipe } } });
    expect(render({ adminPort: '9901' })).toMatchObject({
      admin: { address: { socket_address: { address: '127.0.0.1', port_value: 9901 } } },
    });
    expect(render({ adminAddress: '::1', adminPort: '19000' })).toMatchObject({
      admin: { address: { socket_address: { address: '::1', port_value: 19_000 } } },
    });
  });

  it('follows renewed certificates through files that it points to', () => {
    const tls = { xdsTlsCert: '/tls/tls.crt', xdsTlsKey: '/tls/tls.key', xdsTlsCa: '/tls/ca.crt' };
    const where = { outputDirectory: 'out', mountedAt: '/etc/envoy' };
    const files = renderBootstrapFiles(readBootstrap({ ...required, ...tls, ...where }));
    expect(Object.keys(files).toSorted()).toEqual(['bootstrap.yaml', 'xds-authority.yaml', 'xds-certificate.yaml']);
    expect(files['bootstrap.yaml']).toContain('path: /etc/envoy/xds-certificate.yaml');
    expect(parse(files['xds-certificate.yaml'] ?? '')).toMatchObject({
      resources: [{ name: 'certificate', tls_certificate: { watched_directory: { path: '/tls' } } }],
    });
  });

  it('tells readiness and metrics on a port of its own when asked', () => {
    expect(render({ statusPort: '8002', adminSocket: '/run/admin.sock' })).toMatchObject({
      admin: { address: { pipe: { path: '/run/admin.sock', mode: 0o600 } } },
      static_resources: {
        clusters: [{ name: 'xds' }, verifier, { name: 'admin' }],
        listeners: [{ name: 'status', address: { socket_address: { port_value: 8002 } } }],
      },
    });
  });

  it('finds the verifier where that is', () => {
    const at = (address: unknown) => ({
      static_resources: {
        clusters: [
          { name: 'xds' },
          { load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] } },
        ],
      },
    });
    expect(render()).toMatchObject(at({ socket_address: { address: '127.0.0.1', port_value: 9902 } }));
    expect(render({ verifierAddress: '127.0.0.1:7' })).toMatchObject(
      at({ socket_address: { address: '127.0.0.1', port_value: 7 } }),
    );
    expect(render({ verifierSocket: '/run/v.sock' })).toMatchObject(at({ pipe: { path: '/run/v.sock' } }));
    expect(() => render({ verifierSocket: '/run/v.sock', verifierAddress: '127.0.0.1:7' })).toThrow('excludes');
  });

  it('writes any text as text', () => {
    const nodeId = 'a: b # c\n"d"';
    expect(render({ nodeId })).toMatchObject({ node: { id: nodeId } });
  });

  it.each<[Flags, string]>([
    [{ nodeId: undefined }, '--node-id is missing: give each Envoy a name of its own'],
    [{ xdsAddress: undefined }, '--xds-address is missing: give the HOST:PORT of the control plane'],
    [{ xdsAddress: 'sluice:0' }, '--xds-address "sluice:0" has no port: give the port of the control plane'],
    [
      { adminSocket: '/run/admin.sock', adminPort: '9901' },
      '--admin-socket excludes --admin-address and --admin-port: the admin interface has one address',
    ],
    [{ mountedAt: '/etc/envoy' }, '--mounted-at is for --output-directory: give both or none'],
    [
      { maxHeapBytes: '1GiB' },
      '--max-heap-bytes "1GiB" is not a heap that Envoy can work in: give a number of bytes from 33554432',
    ],
    [
      { xdsTlsCa: 'ca.pem' },
      '--xds-tls-cert and --xds-tls-key missing: mutual TLS needs --xds-tls-cert, --xds-tls-key and --xds-tls-ca',
    ],
  ])('refuses %j', (flags, message) => {
    expect(() => render(flags)).toThrow(message);
  });
});
