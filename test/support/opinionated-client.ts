/** A delta client that takes or refuses what it is sent, as a test says, and knows what it has and what it was ever sent. */
import { typeUrl } from '../../src/proto/type-url.ts';
import { DiscoveryClient } from './discovery-client.ts';
import type { DeltaResponse } from './discovery-client.ts';
import { eventuallyPresent } from './eventually.ts';

export interface Sent {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  /** The resource as JSON text. */
  readonly text: string;
}

export class OpinionatedClient {
  /** Version by type and name. */
  readonly has = new Map<string, string>();
  /** Everything, in the order in which it came. */
  readonly sent: Sent[] = [];
  readonly #client: DiscoveryClient;
  readonly #cancel: () => void;
  #isOpen = true;

  /** @param refuses why a resource is refused; undefined when it is taken */
  constructor(port: number, node: string, refuses: (resource: Sent) => string | undefined = () => undefined) {
    this.#client = new DiscoveryClient(port);
    const stream = this.#client.delta();
    this.#cancel = () => stream.cancel();
    const types: readonly (readonly [string, readonly string[]])[] = [
      [typeUrl.cluster, []],
      [typeUrl.listener, []],
      [typeUrl.routeConfiguration, ['http', 'https']],
      [typeUrl.virtualHost, []],
    ];
    for (const [type, names] of types) {
      stream.send({ node: { id: node }, type_url: type, resource_names_subscribe: names });
    }
    const listen = async (): Promise<void> => {
      for (let at = 0; this.#isOpen; at += 1) {
        const index = at;
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const response = await eventuallyPresent('response', () => stream.responses[index] ?? !this.#isOpen, {
          within: 60_000,
          every: 2,
        }).catch(() => true as const);
        if (response === true) return;
        const refusal = this.#read(response, refuses);
        stream.send({
          type_url: response.type_url ?? '',
          response_nonce: response.nonce ?? '',
          ...(refusal !== undefined && { error_detail: { code: 13, message: refusal } }),
        });
      }
    };
    void listen();
  }

  hosts(): readonly string[] {
    const prefix = `${typeUrl.virtualHost} http/`;
    return [...this.has.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  close(): void {
    this.#isOpen = false;
    this.#cancel();
    this.#client.close();
  }

  /** As Envoy does it: what is good is taken, also out of a response that is refused. */
  #read(response: DeltaResponse, refuses: (resource: Sent) => string | undefined): string | undefined {
    const type = response.type_url ?? '';
    for (const name of response.removed_resources ?? []) this.has.delete(`${type} ${name}`);
    let refusal: string | undefined;
    for (const { name = '', version = '', resource } of response.resources ?? []) {
      const sent = { type, name, version, text: JSON.stringify(resource) };
      this.sent.push(sent);
      const reason = refuses(sent);
      refusal ??= reason;
      if (reason === undefined) this.has.set(`${type} ${name}`, version);
    }
    return refusal;
  }
}
