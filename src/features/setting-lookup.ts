/** Finds the setting that an annotation or a key of the ConfigMap is the name of. */
import type { Setting } from './feature.ts';
import { features } from './registry.ts';

const settings = features.flatMap((feature) => Object.values(feature.settings));

const byAnnotation: ReadonlyMap<string, Setting<unknown>> = new Map(
  settings.flatMap((setting) =>
    setting.annotation === undefined
      ? []
      : [setting.annotation, ...(setting.aliases ?? [])].map((name) => [name, setting] as const),
  ),
);

const byKey: ReadonlyMap<string, Setting<unknown>> = new Map(
  settings.flatMap((setting) => (setting.configMap === undefined ? [] : [[setting.configMap, setting] as const])),
);

/** @param name without the prefix */
export function settingOfAnnotation(name: string): Setting<unknown> | undefined {
  return byAnnotation.get(name);
}

export function settingOfKey(key: string): Setting<unknown> | undefined {
  return byKey.get(key);
}
