/** What becomes of a set of raw objects: projected, translated, encoded. */
import { projectObject } from '../../src/cluster/projection.ts';
import { messageNameOf } from '../../src/proto/type-url.ts';
import { Translation } from '../../src/translation/translation.ts';
import { bodyOf } from '../../src/xds/resource.ts';
import { applied } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';
import type { RawObject } from './arbitrary-objects.ts';

export type ResourceName = NonNullable<ReturnType<typeof messageNameOf>>;

export interface TranslatedSet {
  readonly translation: Translation;
  /** The objects that can be blamed: `kind namespace name`. */
  readonly known: ReadonlySet<string>;
  readonly resources: readonly { readonly name: ResourceName; readonly body: Uint8Array }[];
}

export function translateSet(objects: readonly RawObject[]): TranslatedSet {
  const translation = new Translation({ ...translationOptions, configMap: { namespace: 'default', name: 'settings' } });
  const projected = objects.flatMap(({ kind, raw }) => projectObject(kind, raw, 'api').object ?? []);
  translation.update(projected.map(applied));
  const resources = translation.commit().flatMap(({ typeUrl, resource }) => {
    const name = messageNameOf(typeUrl);
    return resource === undefined || name === undefined ? [] : [{ name, body: bodyOf(resource) }];
  });
  const known = projected.map(({ kind, metadata: { namespace, name } }) => `${kind} ${namespace} ${name}`);
  return { translation, known: new Set([...known, 'ConfigMap default settings']), resources };
}
