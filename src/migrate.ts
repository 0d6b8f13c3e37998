/** Reads what an ingress-nginx serves, once, and reports what Sluice would make of it. */
import { readFile } from 'node:fs/promises';
import { catchError, timeout } from 'rxjs';
import type { ConfigMap, Ingress } from './cluster/kubernetes-object.ts';
import type { Config } from './config.ts';
import { firstReading } from './first-reading.ts';
import type { FlagFinding } from './migration/controller-arguments.ts';
import { migrationReport } from './migration/report.ts';
import type { MigrationReport } from './migration/report.ts';
import { controllersIn } from './migration/workload.ts';
import type { ControllerWorkload } from './migration/workload.ts';
import { openSource } from './object-source.ts';
import { UsageError } from './setting.ts';
import type { SourceLog } from './source/failure-log.ts';
import { scanManifests } from './source/manifest-scan.ts';
import { readYamlText } from './source/yaml-text.ts';
import { Translation } from './translation/translation.ts';

/** How long a cluster has to answer, in milliseconds. */
const patienceMs = 60_000;

/** @throws UsageError when the cluster does not answer. */
export async function migrate(config: Config, flags: readonly FlagFinding[], log: SourceLog): Promise<MigrationReport> {
  const { source } = await openSource(config, log);
  const { changes, problems } = await firstReading(source, (whole$) =>
    whole$.pipe(
      timeout({ first: patienceMs }),
      catchError((error: unknown) => {
        throw new UsageError(`the objects could not be read within ${patienceMs / 1_000} s: ${String(error)}`);
      }),
    ),
  );
  const translation = new Translation(config);
  const ingresses = new Map<string, Ingress>();
  let configMap: ConfigMap | undefined;
  let [hasSecrets, hasConfigMaps] = [false, false];
  for (const { kind, namespace, name, object } of changes) {
    translation.update([{ kind, namespace, name, object }], Date.now());
    if (object?.kind === 'Ingress') ingresses.set(`${namespace}/${name}`, object);
    hasSecrets ||= object?.kind === 'Secret';
    const isNamed = namespace === config.configMap?.namespace && name === config.configMap.name;
    if (object?.kind === 'ConfigMap' && isNamed) configMap = object;
    hasConfigMaps ||= object?.kind === 'ConfigMap' && !isNamed;
  }
  translation.commit();
  return migrationReport({
    translation,
    ingresses: [...ingresses.values()],
    configMap,
    configMapName: config.configMap && { kind: 'ConfigMap', ...config.configMap },
    prefix: config.features.prefix,
    hasSecrets,
    hasConfigMaps,
    unread: problems.filter(({ severity }) => severity !== 'info'),
    flags,
  });
}

/** The workloads of ingress-nginx in files; what cannot be read as YAML has none. */
export async function findControllers(paths: readonly string[]): Promise<readonly ControllerWorkload[]> {
  const { files } = await scanManifests(paths);
  const texts = await Promise.all(files.map(({ path }) => readFile(path, 'utf8').catch(() => '')));
  return texts
    .filter((text) => text.includes('nginx'))
    .flatMap((text) => {
      try {
        const { documents } = readYamlText(text);
        return documents.filter(({ errors }) => errors.length === 0).flatMap((each) => controllersIn(each.toJS()));
      } catch {
        // Files that are broken are told of when they are read as manifests.
        return [];
      }
    });
}
