/** Translation and xDS server without a source: a test says what the objects are, and what is served follows at once. */
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import type { ObjectUpdate, TranslationOptions } from '../../src/translation/translation.ts';
import { Translation } from '../../src/translation/translation.ts';
import type { DiscoveryStream, StreamEvent } from '../../src/xds/discovery-stream.ts';
import type { ServerLimits } from '../../src/xds/limits.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { applied, deleted } from './objects.ts';

export interface Serving {
  readonly port: number;
  readonly server: XdsServer;
  readonly translation: Translation;
  /** What happened on all streams so far, and the id of the node that each is of. */
  readonly events: readonly (StreamEvent & { readonly node: string })[];
  apply(...objects: readonly KubernetesObject[]): void;
  remove(...objects: readonly KubernetesObject[]): void;
  stop(): Promise<void>;
}

export const translationOptions: TranslationOptions = {
  classes: { names: ['sluice'], controllers: ['sluice.dev/ingress-controller'], watchWithoutClass: false },
  listen: { address: '127.0.0.1', httpPort: 0, httpsPort: 0 },
  defaults: {},
};

/** Starts serving on a free loopback port; nothing is published before the first `apply`. */
export async function startServing(
  options: TranslationOptions = translationOptions,
  onPort = 0,
  limits: Partial<ServerLimits> = {},
): Promise<Serving> {
  const events: Serving['events'][number][] = [];
  const translation = new Translation(options);
  const observe = ({ node }: DiscoveryStream, event: StreamEvent): void => {
    events.push({ ...event, node: node.id ?? '' });
  };
  const server = new XdsServer({ host: '127.0.0.1', port: onPort, limits, observe });
  const port = await server.start();
  const publish = (updates: readonly ObjectUpdate[]): void => {
    translation.update(updates);
    server.publish(translation.commit());
  };
  return {
    port,
    server,
    translation,
    events,
    apply: (...objects) => publish(objects.map(applied)),
    remove: (...objects) => publish(objects.map(deleted)),
    stop: () => server.stop(),
  };
}
