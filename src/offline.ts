/** Translates manifest files without serving them. */
import type { Config } from './config.ts';
import { firstReading } from './first-reading.ts';
import { classNameOf } from './ingress/class.ts';
import type { Logger } from './log.ts';
import { objectKey } from './model/object-ref.ts';
import { compareProblems } from './model/problem.ts';
import type { Problem } from './model/problem.ts';
import { toJson } from './proto/message.ts';
import { messageNameOf } from './proto/type-url.ts';
import { directorySource } from './source/directory.ts';
import type { ObjectChange } from './source/source.ts';
import { Translation } from './translation/translation.ts';
import { bodyOf } from './xds/resource.ts';

export interface OfflineTranslation {
  /** By type in the order in which Envoy needs them, then by name; `json` is protobuf JSON. */
  readonly resources: readonly { readonly typeUrl: string; readonly name: string; readonly json: unknown }[];
  /** Sorted. */
  readonly problems: readonly Problem[];
  /** How many Ingresses are of classes of ours. */
  readonly translated: number;
  /** The others. */
  readonly others: readonly OtherIngress[];
}

/** An Ingress that is not of a class of ours. */
export interface OtherIngress {
  /** Absent where it names none. */
  readonly className?: string;
  /** `spec.controller` of that IngressClass; absent where it is not among the objects. */
  readonly controller?: string;
}

/** Reads the files of a config once. */
export async function translateDirectory(config: Config, log: Logger): Promise<OfflineTranslation> {
  if (config.source.kind !== 'directory') throw new Error('only files can be translated offline');
  const translation = new Translation(config);
  const { changes, problems } = await firstReading(directorySource(config.source.paths));
  translation.update(changes, Date.now());
  const resources = translation.commit().flatMap(({ typeUrl, name, resource }) => {
    const message = messageNameOf(typeUrl);
    if (resource === undefined || message === undefined) return [];
    return [{ typeUrl, name, json: toJson(message, bodyOf(resource)) }];
  });
  log.debug({ resources: resources.length }, 'translated');
  const others = otherIngresses(changes, translation);
  return {
    resources,
    problems: [...problems, ...translation.problems()].toSorted(compareProblems),
    translated: translation.ingressCounts().ours,
    others,
  };
}

function otherIngresses(changes: readonly ObjectChange[], translation: Translation): readonly OtherIngress[] {
  const objects = changes.flatMap(({ object }) => object ?? []);
  const controllers = new Map(
    objects.flatMap((each) => (each.kind === 'IngressClass' ? [[each.metadata.name, each.spec.controller]] : [])),
  );
  return objects.flatMap((each) => {
    if (each.kind !== 'Ingress' || translation.isOurs(objectKey(each.metadata))) return [];
    const className = classNameOf(each);
    if (className === undefined) return [{}];
    const controller = controllers.get(className);
    return [{ className, ...(controller !== undefined && { controller }) }];
  });
}
