/** Every grpcurl command of the documentation, run as it is printed there (but for the port), answers what is promised. */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openGrpcurlStream } from '../support/grpcurl.ts';
import type { GrpcurlStream } from '../support/grpcurl.ts';
import { type RunningProcess, runProcess } from '../support/process.ts';
import { startSluice } from '../support/sluice.ts';
import { describeWithGrpcurl, grpcurlBinary } from '../support/tools.ts';

const checkout = resolve(import.meta.dirname, '..', '..');

/** What a command must print, by a word that only that command has. */
const promises: readonly (readonly [string, RegExp])[] = [
  [' list', /^envoy\.service\.discovery\.v3\.AggregatedDiscoveryService$/m],
  [' grpc.health.v1.Health/Check', /"status": "SERVING"/],
  ['exclude_resource_contents', /"name": "default\/web\/http",\s+"versionInfo": "\w+",\s+"configStatus": "\w+"/],
  ['node_matchers', /"id": "local"[^]*"edsClusterConfig"/],
  ['/FetchClientStatus', /"id": "local"/],
  ['/DeltaAggregatedResources', /"name": "http\/web\.localhost"[^]*"cluster": "default\/web\/http"/],
  ['/StreamAggregatedResources', /"name": "http",[^]*"virtualHosts": \[[^]*"name": "http\/web\.localhost"/],
];

const commands = (await Promise.all(['README.md', 'docs/debugging.md'].map(grpcurlCommandsOf))).flat();

describeWithGrpcurl('somebody who types what the documentation says', () => {
  let sluice: RunningProcess;
  let xdsPort: string;
  let envoy: GrpcurlStream;
  beforeAll(async () => {
    const manifests = join(checkout, 'manifests', 'quickstart');
    const addresses = ['--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0'];
    sluice = await startSluice(['serve', '--dir', manifests, ...addresses]);
    [, xdsPort = ''] = await sluice.waitForOutput(/"xds":"127\.0\.0\.1:(\d+)"/);
    await sluice.waitForOutput(/"msg":"published"/);
    // Stands for the Envoy that `npm start` runs.
    envoy = await openGrpcurlStream(
      Number(xdsPort),
      'envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    );
    envoy.send({ node: { id: 'local' }, typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
    await envoy.responses(1);
  });
  afterAll(async () => {
    await envoy?.stop();
    await sluice?.stop();
  });

  it.each(promises)('is told of %s', (word) => {
    expect(commands).toContainEqual(expect.stringContaining(word));
  });

  it.each(commands)('is answered: %s', async (command) => {
    const here = command.replaceAll('127.0.0.1:18000', `127.0.0.1:${xdsPort}`);
    const env = { PATH: `${dirname(grpcurlBinary())}:${process.env['PATH']}` };

    const { code, stdout, stderr } = await runProcess('sh', ['-c', here], { env });

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const promise = promises.find(([word]) => command.includes(word));
    expect(stdout).toMatch(promise?.[1] ?? /a promise of this command/);
  });
});

/** Those in shell blocks, over as many lines as they take, and those inside a sentence. */
async function grpcurlCommandsOf(file: string): Promise<readonly string[]> {
  const text = await readFile(join(checkout, file), 'utf8');
  const blocks = Array.from(text.matchAll(/^```sh\n([^]*?)^```$/gm), ([, block = '']) => block);
  const inBlocks = blocks.flatMap((block) => block.split(/^(?=\w+ )/m)).filter((each) => each.startsWith('grpcurl '));
  const inSentences = Array.from(text.matchAll(/`(grpcurl [^`]+)`/g), ([, command = '']) => command);
  return [...inBlocks, ...inSentences].map((command) => command.trim());
}
