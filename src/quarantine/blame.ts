/** What an Envoy's text says about which object, and which part of it, is refused. */
import type { KubernetesObject } from '../cluster/kubernetes-object.ts';

/** Texts this short stand in any message. */
const leastLength = 3;

/** The field whose value the message has in it, the longest value first; undefined when there is none. */
export function blamedField(object: KubernetesObject, message: string): string | undefined {
  const hits = [...valuesOf(object)]
    .filter(([, value]) => value.length >= leastLength && message.includes(value))
    .toSorted(([, a], [, b]) => b.length - a.length);
  return hits[0]?.[0];
}

function* valuesOf(object: KubernetesObject): Generator<readonly [string, string]> {
  for (const [name, value] of Object.entries(object.metadata.annotations)) {
    if (!name.startsWith('kubectl.kubernetes.io/')) yield [`metadata.annotations[${name}]`, value];
  }
  if (object.kind === 'Ingress') {
    for (const [index, { host, paths }] of object.spec.rules.entries()) {
      yield [`spec.rules[${index}].host`, host];
      for (const [at, { path }] of paths.entries()) yield [`spec.rules[${index}].http.paths[${at}].path`, path];
    }
  } else if (object.kind === 'EndpointSlice') {
    for (const [index, { addresses }] of object.endpoints.entries()) {
      for (const [at, address] of addresses.entries()) yield [`endpoints[${index}].addresses[${at}]`, address];
    }
  } else if (object.kind === 'ConfigMap') {
    for (const [key, value] of Object.entries(object.data)) yield [`data.${key}`, value];
  }
}
