// Where the published addresses come from: flags, a Service, or the nodes of the Envoys.

import type { LoadBalancerAddress } from '../cluster/kubernetes-object.ts';
import { isRecord } from '../cluster/projection/field-reader.ts';
import { objectKey } from '../model/object-ref.ts';
import { ApiFailure } from '../source/api-client.ts';
import { addressSet, toAddress } from './address-set.ts';
import { type ApiCaller, silenceMs } from './api-caller.ts';
import { nodeAddresses, type ServingNode, servingNodes } from './node-address.ts';
import { reachOf } from './service-address.ts';

export type AddressOrigin =
  | { readonly kind: 'fixed'; readonly addresses: readonly string[] }
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string }
  /** Ready Pods of our own namespace with these labels. */
  | { readonly kind: 'nodes'; readonly selector: string };

export type AddressReading =
  | { readonly kind: 'known'; readonly addresses: readonly LoadBalancerAddress[] }
  /** There is none now; `why` is a sentence without a full stop. */
  | { readonly kind: 'none'; readonly why: string };

export interface AddressSourceOptions {
  readonly api: ApiCaller;
  readonly origin: AddressOrigin;
  /** Of the Pods that `nodes` means. */
  readonly ownNamespace: string;
  readonly wantsInternal: boolean;
  /** Nodes may not be read; what Pods say of them is used instead. */
  readonly denied: (failure: ApiFailure) => void;
}

/** Pods a page. */
const pageSize = 500;

export class AddressSource {
  readonly #options: AddressSourceOptions;

  constructor(options: AddressSourceOptions) {
    this.#options = options;
  }

  /** Whether what is read now may be other than what was read before. */
  get isFixed(): boolean {
    return this.#options.origin.kind === 'fixed';
  }

  /** Rejects with an ApiFailure: then what was read before is still the best that is known. */
  async read(signal: AbortSignal): Promise<AddressReading> {
    const { origin, ownNamespace } = this.#options;
    switch (origin.kind) {
      case 'fixed':
        return known(origin.addresses.map(toAddress), '');
      case 'service':
        return this.#readService(origin, signal);
      case 'nodes':
        return this.#readNodes(ownNamespace, origin.selector, signal);
    }
  }

  async #readService(
    origin: { readonly namespace: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<AddressReading> {
    const { namespace, name } = origin;
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/services/${encodeURIComponent(name)}`;
    const reach = reachOf(await this.#get(path, signal));
    switch (reach.kind) {
      case 'addresses':
        return known(reach.addresses, '');
      case 'nodes':
        return this.#readNodes(namespace, reach.selector, signal);
      case 'nowhere':
        return { kind: 'none', why: `Service ${objectKey(origin)} cannot be published: ${reach.why}` };
    }
  }

  async #readNodes(namespace: string, selector: string, signal: AbortSignal): Promise<AddressReading> {
    const nodes = await this.#servingNodes(namespace, selector, signal);
    const addresses: LoadBalancerAddress[] = [];
    for (const node of nodes) {
      // oxlint-disable-next-line no-await-in-loop -- there is no hurry, and the API server is spared
      addresses.push(...(await this.#readNode(node, signal)));
    }
    return known(addresses, `no ready Pod with the labels ${selector} runs in namespace ${namespace}`);
  }

  async #servingNodes(namespace: string, selector: string, signal: AbortSignal): Promise<readonly ServingNode[]> {
    const nodes = new Map<string, ServingNode>();
    let next = '';
    do {
      const query = new URLSearchParams({ labelSelector: selector, limit: String(pageSize) });
      if (next !== '') query.set('continue', next);
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods?${query.toString()}`;
      // oxlint-disable-next-line no-await-in-loop -- each page names the next
      const list = await this.#get(path, signal);
      for (const node of servingNodes(list)) nodes.set(node.name, node);
      const metadata = isRecord(list) && isRecord(list['metadata']) ? list['metadata'] : {};
      next = typeof metadata['continue'] === 'string' ? metadata['continue'] : '';
    } while (next !== '');
    return [...nodes.values()];
  }

  async #readNode({ name, hostAddresses }: ServingNode, signal: AbortSignal): Promise<readonly LoadBalancerAddress[]> {
    try {
      const node = await this.#get(`/api/v1/nodes/${encodeURIComponent(name)}`, signal);
      return nodeAddresses(node, this.#options.wantsInternal);
    } catch (error) {
      if (!(error instanceof ApiFailure) || (error.status !== 403 && error.status !== 404)) throw error;
      if (error.status === 403) this.#options.denied(error);
      return hostAddresses.map(toAddress);
    }
  }

  #get(path: string, signal: AbortSignal): Promise<unknown> {
    return this.#options.api.call({ path, silenceMs }, signal);
  }
}

function known(addresses: readonly LoadBalancerAddress[], why: string): AddressReading {
  return addresses.length === 0 ? { kind: 'none', why } : { kind: 'known', addresses: addressSet(addresses) };
}
