import { readConfig, type Config } from '../config.ts';
import { startControlPlane } from '../control-plane.ts';
import { createLogger } from '../log.ts';
import { translateFlags } from '../migration/controller-arguments.ts';
import { formatHostPort, UsageError, type Environment, type Flags } from '../setting.ts';
import { requireReadableFiles, requireReadableManifests, type WantedFile } from './file-check.ts';
import { requireFreeAddresses } from './port-check.ts';
import { listenForStop } from './stop-signal.ts';

/** `sluice serve`: the control plane until it is told to stop. */
export async function serve(given: Flags, environment: Environment): Promise<number> {
  const { flags, findings } = translateFlags(given);
  const refused = findings.find(({ outcome }) => outcome === 'refused');
  if (refused !== undefined) {
    throw new UsageError(`--${refused.flag} "${refused.value}" of ingress-nginx: ${refused.why}: ${refused.fix}`);
  }
  const config = readConfig(flags, environment, {
    filesOnly: false,
    listenAddress: '0.0.0.0',
    logLevel: 'info',
    logFormat: process.stderr.isTTY ? 'pretty' : 'json',
  });
  await requireReadableFiles(filesOf(config));
  if (config.source.kind === 'directory') await requireReadableManifests(config.source.paths);
  await requireFreeAddresses([
    { flag: '--xds-address', ...config.xds },
    { flag: '--admin-address', ...config.admin },
  ]);
  const log = createLogger(config.log);
  for (const { flag, why } of findings.filter(({ outcome }) => outcome === 'needless')) {
    log.warn({ flag: `--${flag}` }, `the flag does nothing here: ${why}`);
  }
  const stop = listenForStop();
  const controlPlane = await startControlPlane(config, log);
  log.info(
    {
      xds: formatHostPort({ host: config.xds.host, port: controlPlane.xdsPort }),
      admin: formatHostPort({ host: config.admin.host, port: controlPlane.adminPort }),
    },
    'serving',
  );
  await stop.received;
  log.info('stopping');
  await controlPlane.stop();
  stop.release();
  return 0;
}

function filesOf({ source, xds }: Config): readonly WantedFile[] {
  const kubeconfig = source.kind === 'kubernetes' ? source.kubeconfig : undefined;
  return [
    ...(kubeconfig === undefined ? [] : [{ flag: '--kubeconfig', path: kubeconfig }]),
    ...(xds.tls?.kind !== 'files'
      ? []
      : [
          { flag: '--xds-tls-cert', path: xds.tls.certFile },
          { flag: '--xds-tls-key', path: xds.tls.keyFile },
          { flag: '--xds-tls-ca', path: xds.tls.caFile },
        ]),
  ];
}
