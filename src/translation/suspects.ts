/** From a resource that is refused back to the objects that it may be refused for, those that users ask for things by first. */
import type { Kind } from '../cluster/kubernetes-object.ts';
import type { Graph } from '../cluster/table.ts';
import { clientAuthenticationOf } from '../features/policies.ts';
import { anyHost } from '../model/host.ts';
import { objectKey } from '../model/object-ref.ts';
import { typeUrl } from '../proto/type-url.ts';
import { originsOfBackend } from './routing-tables.ts';
import type { ObjectTables, RoutingTables } from './routing-tables.ts';

export interface ObjectKey {
  readonly kind: Kind;
  /** `namespace/name`. */
  readonly key: string;
}

export interface SuspectSources {
  readonly graph: Graph;
  readonly objects: ObjectTables;
  readonly routing: RoutingTables;
  /** `namespace/name` of the ConfigMap with the settings for all Ingresses. */
  readonly settings: string | undefined;
}

export function suspectsOf(sources: SuspectSources, type: string, name: string): readonly ObjectKey[] {
  const direct = directSuspects(sources, type, name);
  const named = direct.filter(({ kind }) => kind === 'Ingress').flatMap(({ key }) => namedBy(sources, key));
  const all = new Map([...direct, ...named].map((each) => [`${each.kind} ${each.key}`, each]));
  return [...all.values()].filter(({ kind, key }) => sources.objects[kind].newest(key) !== undefined);
}

function directSuspects({ objects, routing, settings }: SuspectSources, type: string, name: string): ObjectKey[] {
  const ofSettings = ofKind('ConfigMap', settings === undefined ? [] : [settings]);
  switch (type) {
    case typeUrl.virtualHost: {
      const host = name.slice(name.indexOf('/') + 1);
      const beside = host.startsWith('*.') ? (routing.readingsOfHost.get(anyHost) ?? []) : [];
      return [...ofKind('Ingress', [...(routing.readingsOfHost.get(host) ?? []), ...beside]), ...ofSettings];
    }
    case typeUrl.cluster: {
      const origins = (routing.hostsOfBackend.get(name) ?? []).flatMap((host) => {
        const merged = routing.hosts.get(host);
        return merged === undefined ? [] : originsOfBackend(merged.host, name);
      });
      const ingresses = origins
        .filter(({ object }) => object.kind === 'Ingress')
        .map(({ object }) => objectKey(object));
      return [...ofKind('Ingress', ingresses), ...ofKind('Service', serviceOf(routing, name)), ...ofSettings];
    }
    case typeUrl.clusterLoadAssignment: {
      const services = serviceOf(routing, name);
      const slices = [...objects.EndpointSlice.entries()].filter(([, { metadata, serviceName }]) =>
        services.includes(objectKey({ namespace: metadata.namespace, name: serviceName })),
      );
      return [
        ...ofKind(
          'EndpointSlice',
          slices.map(([key]) => key),
        ),
        ...ofKind('Service', services),
      ];
    }
    case typeUrl.secret:
      return ofKind('Secret', [name]);
    case typeUrl.listener: {
      if (name === 'http') return ofSettings;
      const asking = [...routing.hosts.entries()].filter(([, { host }]) => clientAuthenticationOf(host.policies));
      const ingresses = asking.flatMap(([host]) => routing.readingsOfHost.get(host) ?? []);
      const certificates = [...routing.certificates.entries()].filter(([, { certificate }]) => certificate);
      return [
        ...ofKind('Ingress', ingresses),
        ...ofSettings,
        ...ofKind(
          'Secret',
          certificates.map(([key]) => key),
        ),
      ];
    }
    default:
      return ofSettings;
  }
}

function ofKind(kind: Kind, keys: Iterable<string>): ObjectKey[] {
  return Array.from(keys, (key) => ({ kind, key }));
}

function serviceOf({ backends }: RoutingTables, name: string): readonly string[] {
  const backend = backends.get(name)?.backend;
  return backend === undefined ? [] : [objectKey({ namespace: backend.namespace, name: backend.service })];
}

/** What the annotations of an Ingress name. */
function namedBy({ graph, objects, routing }: SuspectSources, ingress: string): readonly ObjectKey[] {
  return graph.inputsOf(routing.verdicts, ingress).flatMap(({ table, key }): readonly ObjectKey[] => {
    if (table === objects.Secret) return [{ kind: 'Secret', key }];
    return table === objects.ConfigMap ? [{ kind: 'ConfigMap', key }] : [];
  });
}
