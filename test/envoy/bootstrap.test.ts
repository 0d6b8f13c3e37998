/** What `sluice bootstrap` prints must load in a real Envoy, with and without TLS. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { readBootstrap, renderBootstrap } from '../../src/cli/bootstrap.ts';
import type { Flags } from '../../src/setting.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { startEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { runProcess } from '../support/process.ts';
import { describeWithEnvoy, envoyBinary } from '../support/tools.ts';

describeWithEnvoy('a generated bootstrap', () => {
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-bootstrap-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function keep(name: string, content: string): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, content);
    return file;
  }

  async function validate(flags: Flags) {
    const bootstrap = renderBootstrap(readBootstrap({ nodeId: 'edge-1', ...flags }));
    const file = await keep('bootstrap.yaml', bootstrap);
    return runProcess(envoyBinary(), ['--mode', 'validate', '--config-path', file, '--disable-hot-restart']);
  }

  it.each([
    ['an address', { xdsAddress: '127.0.0.1:18000' }],
    ['a name', { xdsAddress: 'sluice.sluice-system.svc:18000', cluster: 'berlin', adminPort: '19000' }],
    ['an IPv6 address', { xdsAddress: '[::1]:18000', adminAddress: '::1', maxHeapBytes: '268435456' }],
  ])('loads with %s', async (_, flags) => {
    const { code, output } = await validate(flags).then((run) => ({ code: run.code, output: run.stderr + run.stdout }));
    expect(output).toMatch(/OK$/m);
    expect(output).not.toMatch(/deprecated/i);
    expect(code).toBe(0);
  });

  it('loads with mutual TLS', async () => {
    const authority = certificateAuthority();
    const { cert, key } = certificate({ names: ['edge-1'], issuer: authority });
    const { code, stderr } = await validate({
      xdsAddress: 'sluice.example:18000',
      xdsTlsCert: await keep('cert.pem', cert),
      xdsTlsKey: await keep('key.pem', key),
      xdsTlsCa: await keep('ca.pem', authority.cert),
    });
    expect({ code, stderr }).toMatchObject({ code: 0 });
  });

  it('leaves an Envoy without a control plane unready', async () => {
    const xdsAddress = `127.0.0.1:${await freePort()}`;
    const bootstrap = renderBootstrap(readBootstrap({ nodeId: 'edge-1', xdsAddress }));
    const envoy = await startEnvoy({ bootstrap, waitUntilReady: false });
    try {
      await eventually(async () => {
        expect(await envoy.stat('cluster.xds.upstream_cx_connect_fail')).toBeGreaterThan(0);
      });
      await expect(envoy.admin('/ready')).rejects.toThrow('503');
    } finally {
      await envoy.stop();
    }
  });
});
