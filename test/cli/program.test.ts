/** The command line as processes: what goes to which stream, and the exit codes that scripts rely on. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { parse } from 'yaml';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { portOf } from '../support/ports.ts';
import { runSluice, startSluice } from '../support/sluice.ts';

const freeAddresses = ['--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0'];

describe('sluice', () => {
  it('prints its version', async () => {
    const { code, stdout } = await runSluice(['--version']);
    expect([code, /^\d+\.\d+\.\d+\n$/.test(stdout)]).toEqual([0, true]);
  });

  it.each([
    [['--help'], 'bootstrap [options]'],
    [['serve', '--help'], '--default-backend-service <namespace/name>'],
    [['up', '--help'], '--envoy-admin-port <port>'],
    [['translate', '--help'], '--output <format>'],
    [['bootstrap', '--help'], '--node-id <id>'],
  ])('explains itself on %j', async (args, part) => {
    const { code, stdout, stderr } = await runSluice(args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(part);
  });

  it.each([
    [['serve', '--dri', 'x'], "sluice: unknown option '--dri'\n"],
    [
      ['serve', '--tcp-services-configmap=a/b'],
      'sluice: --tcp-services-configmap "a/b" of ingress-nginx: nothing but HTTP is served: use a Service of type LoadBalancer\n',
    ],
    [['status'], "sluice: unknown command 'status'\n"],
    [['serve', 'manifests'], "sluice: too many arguments for 'serve'. Expected 0 arguments but got 1.\n"],
    [['serve', '--dir'], "sluice: option '--dir <path>' argument missing\n"],
    [['up'], 'sluice: --dir is missing: give the file or folder that holds the manifests\n'],
    [['translate'], 'sluice: --dir is missing: give the file or folder that holds the manifests\n'],
    [['translate', '--dir', 'x', '-o', 'xml'], 'sluice: --output "xml" is not known: choose one of yaml, json\n'],
    [
      ['up', '--dir', 'x', '--xds-address', '0.0.0.0:1'],
      'sluice: --xds-address "0.0.0.0:1" is not a loopback address: sluice up serves this machine only, take sluice serve for more\n',
    ],
    [
      ['serve', '--kubeconfig', 'no-such-file'],
      'sluice: --kubeconfig "no-such-file" cannot be read (ENOENT): give one that exists and that this user may read\n',
    ],
    [
      ['serve', '--dir', 'no-such-folder'],
      'sluice: --dir "no-such-folder" cannot be read (ENOENT): give one that exists and that this user may read\n',
    ],
    [
      ['translate', '--dir', 'no-such-folder'],
      'sluice: --dir "no-such-folder" cannot be read (ENOENT): give one that exists and that this user may read\n',
    ],
    [
      ['serve', '--kubeconfig', 'package.json', ...freeAddresses],
      'sluice: package.json has no current cluster: set current-context to a context that exists\n',
    ],
    [
      ['serve', '--kubeconfig', 'package.json', '--context', 'nope', ...freeAddresses],
      'sluice: package.json has no context "nope"; it has: none\n',
    ],
    [['bootstrap', '--xds-address', 'a:1'], 'sluice: --node-id is missing: give each Envoy a name of its own\n'],
  ])('refuses %j in one line and with exit code 2', async (args, line) => {
    expect(await runSluice(args)).toMatchObject({ code: 2, stdout: '', stderr: line });
  });

  it('prints a bootstrap and nothing else', async () => {
    const { code, stdout, stderr } = await runSluice(['bootstrap', '--xds-address', 'sluice:18000', '--node-id', 'a']);
    expect([code, stderr]).toEqual([0, '']);
    expect(parse(stdout)).toMatchObject({ node: { id: 'a', cluster: 'default' } });
  });

  it('serves until SIGTERM and then ends cleanly', async () => {
    const sluice = await startSluice(['serve', '--dir', 'manifests/quickstart', ...freeAddresses]);
    try {
      const [, port] = await sluice.waitForOutput(/"admin":"127\.0\.0\.1:(\d+)"/);
      await eventually(async () => {
        expect(await httpRequest({ port: Number(port), path: '/readyz' })).toMatchObject({ status: 200 });
      });
      sluice.signal('SIGTERM');
      expect(await sluice.exited).toEqual({ code: 0, signal: undefined });
    } finally {
      await sluice.stop();
    }
  });

  describe('where a port is taken', () => {
    const server: Server = createServer();
    let address = '';

    beforeAll(async () => {
      await new Promise<void>((fulfil) => {
        server.listen(0, '127.0.0.1', fulfil);
      });
      address = `127.0.0.1:${portOf(server)}`;
    });

    afterAll(() => {
      server.close();
    });

    it.each(['--xds-address', '--admin-address'])('names %s', async (flag) => {
      const addresses = { '--xds-address': '127.0.0.1:0', '--admin-address': '127.0.0.1:0', [flag]: address };
      const args = ['serve', '--dir', 'manifests/quickstart', ...Object.entries(addresses).flat()];
      expect(await runSluice(args)).toMatchObject({
        code: 2,
        stderr: `sluice: ${flag}: ${address} is in use by another process: end that process or choose another port with ${flag}\n`,
      });
    });
  });
});
