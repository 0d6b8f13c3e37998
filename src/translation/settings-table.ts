/** What is set for all Ingresses: by flags, or by the ConfigMap that a flag names. */
import type { ConfigMap } from '../cluster/kubernetes-object.ts';
import type { Graph, Table } from '../cluster/table.ts';
import type { FeatureSettings } from '../features/policies.ts';
import { objectKey } from '../model/object-ref.ts';

/** Under one key, ``; `given` as it is where no ConfigMap is named. */
export function settingsTable(
  graph: Graph,
  given: Table<FeatureSettings>,
  configMaps: Table<ConfigMap>,
  named: { readonly namespace: string; readonly name: string } | undefined,
): Table<FeatureSettings> {
  if (named === undefined) return given;
  const object = { kind: 'ConfigMap', namespace: named.namespace, name: named.name };
  return graph.derive('settings of the ConfigMap', given, (_key, settings, look) => {
    const configMap = look(configMaps, objectKey(named));
    if (configMap === undefined) return { ...settings, object, isMissing: true };
    return { ...settings, object, configMap: { ...settings.configMap, ...configMap.data } };
  });
}
