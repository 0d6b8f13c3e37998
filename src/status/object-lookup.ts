// Finds the uid of an object that an Event is about: with the right to list, which the sources have, and without its content.

import type { Kind } from '../cluster/kubernetes-object.ts';
import { isRecord } from '../cluster/projection/field-reader.ts';
import { reflectedResources } from '../source/reflected-resource.ts';
import { type ApiCaller, silenceMs } from './api-caller.ts';

const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** Undefined when there is no such object. Rejects with an ApiFailure. */
export async function lookUpUid(
  api: ApiCaller,
  { kind, namespace, name }: { readonly kind: Kind; readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { group, version, plural } = reflectedResources[kind];
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const query = new URLSearchParams({ fieldSelector: `metadata.name=${name}` });
  const path = `${root}${scope}/${plural}?${query.toString()}`;
  const list = await api.call({ path, accept: metadataOnly, silenceMs }, signal);
  const items = isRecord(list) && Array.isArray(list['items']) ? list['items'] : [];
  const [item]: readonly unknown[] = items;
  const metadata = isRecord(item) && isRecord(item['metadata']) ? item['metadata'] : {};
  return typeof metadata['uid'] === 'string' ? metadata['uid'] : undefined;
}
