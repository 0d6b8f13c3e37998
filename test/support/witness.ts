/** A good client beside hostile ones: whether it is given every change, and how long each takes. */
import { performance } from 'node:perf_hooks';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { XdsServer } from '../../src/xds/server.ts';
import { DiscoveryClient } from './discovery-client.ts';
import type { DeltaRequest, DeltaResponse, OpenStream } from './discovery-client.ts';
import { eventually } from './eventually.ts';
import { changes, cluster } from './resources.ts';

export class Witness {
  readonly #server: XdsServer;
  readonly #client: DiscoveryClient;
  readonly #stream: OpenStream<DeltaRequest, DeltaResponse>;
  #edition = 1_000;
  /** Milliseconds from each publication to its arrival. */
  readonly latencies: number[] = [];

  constructor(server: XdsServer, port: number) {
    this.#server = server;
    this.#client = new DiscoveryClient(port);
    this.#stream = this.#client.delta();
    this.#stream.send({ node: { id: 'witness' }, type_url: typeUrl.cluster });
  }

  /** Publishes a change and waits until the client has it. */
  async seeChange(): Promise<void> {
    this.#edition += 1;
    const began = performance.now();
    this.#server.publish(changes([cluster('watched', this.#edition)]));
    for (;;) {
      const { nonce = '', resources = [] } = await this.#stream.next();
      this.#stream.send({ type_url: typeUrl.cluster, response_nonce: nonce });
      const isIt = resources.some(({ name, resource }) => {
        return name === 'watched' && JSON.stringify(resource).includes(`"${this.#edition}"`);
      });
      if (isIt) break;
    }
    this.latencies.push(performance.now() - began);
  }

  async seeChanges(count: number): Promise<void> {
    for (let seen = 0; seen < count; seen += 1) await this.seeChange();
  }

  /** All streams but its own are gone. */
  async isAlone(): Promise<void> {
    await eventually(() => {
      const ids = this.#server.streams().map(({ node }) => node.id ?? '');
      if (ids.join() !== 'witness') throw new Error(`there are streams of ${ids.join(', ')}`);
    });
  }

  close(): void {
    this.#client.close();
  }
}
