/** The replicas of a control plane that a test kills, rolls and compares. */
import { createHash } from 'node:crypto';
import { encode } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { type Addresses, freeAddresses, startServe } from './control-plane-process.ts';
import { DiscoveryClient } from './discovery-client.ts';
import type { RunningProcess } from './process.ts';

/** The file that says how to reach a cluster, directly or through something that breaks. */
interface Kubeconfig {
  readonly kubeconfig: string;
}

/** A control plane of a cluster that can be killed and started again at the same addresses. */
export class ControlPlaneReplica {
  readonly listen: Addresses;
  readonly #cluster: Kubeconfig;
  readonly #addresses: Addresses;
  #process: RunningProcess;

  private constructor(cluster: Kubeconfig, addresses: Addresses, process: RunningProcess) {
    this.#cluster = cluster;
    this.#addresses = addresses;
    this.listen = addresses;
    this.#process = process;
  }

  /** @param listen where its Envoys listen: replicas must agree */
  static async start(cluster: Kubeconfig, { httpPort, httpsPort }: Addresses): Promise<ControlPlaneReplica> {
    const addresses = { ...(await freeAddresses()), httpPort, httpsPort };
    return new ControlPlaneReplica(cluster, addresses, await servePublished(cluster, addresses));
  }

  get process(): RunningProcess {
    return this.#process;
  }

  get xdsPort(): number {
    return Number(this.#addresses.xds.split(':')[1]);
  }

  get adminPort(): number {
    return this.#addresses.adminPort;
  }

  /** xDS streams opened so far. */
  streams(): number {
    return this.#process.stderr().split('xDS stream opened').length - 1;
  }

  async kill(): Promise<void> {
    this.#process.signal('SIGKILL');
    await this.#process.exited;
  }

  async restart(): Promise<void> {
    this.#process = await servePublished(this.#cluster, this.#addresses);
  }

  async roll(): Promise<void> {
    await this.#process.stop();
    await this.restart();
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

async function servePublished(cluster: Kubeconfig, addresses: Addresses): Promise<RunningProcess> {
  const sluice = await startServe(cluster.kubeconfig, addresses);
  await sluice.waitForOutput(/"msg":"published"/, { within: 30_000 });
  return sluice;
}

/** Every resource that a control plane serves, by type and name: the hash of its bytes, and its version. */
export async function resourcesOf(replica: ControlPlaneReplica): Promise<ReadonlyMap<string, string>> {
  const client = new DiscoveryClient(replica.xdsPort);
  const stream = client.delta();
  const found = new Map<string, string>();
  for (const type of Object.values(typeUrl)) {
    stream.send({ type_url: type, resource_names_subscribe: ['*'] });
    const response = await stream.next();
    for (const { name = '', version = '', resource } of response.resources ?? []) {
      if (resource === undefined) throw new Error(`${name} came without its content`);
      const bytes = encode('google.protobuf.Any', resource);
      found.set(`${type} ${name}`, `${version} ${createHash('sha256').update(bytes).digest('hex')}`);
    }
  }
  stream.cancel();
  client.close();
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
