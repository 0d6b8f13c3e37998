/** Translates manifest files without serving them. */
import type { Config } from './config.ts';
import { firstReading } from './first-reading.ts';
import type { Logger } from './log.ts';
import { compareProblems } from './model/problem.ts';
import type { Problem } from './model/problem.ts';
import { toJson } from './proto/message.ts';
import { messageNameOf } from './proto/type-url.ts';
import { directorySource } from './source/directory.ts';
import { Translation } from './translation/translation.ts';
import { bodyOf } from './xds/resource.ts';

export interface OfflineTranslation {
  /** By type in the order in which Envoy needs them, then by name; `json` is protobuf JSON. */
  readonly resources: readonly { readonly typeUrl: string; readonly name: string; readonly json: unknown }[];
  /** Sorted. */
  readonly problems: readonly Problem[];
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
  return { resources, problems: [...problems, ...translation.problems()].toSorted(compareProblems) };
}
