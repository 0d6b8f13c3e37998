import { stringify } from 'yaml';
import { redact } from '../admin/redaction.ts';
import { readConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { translateDirectory } from '../offline.ts';
import { parseOneOf, Settings, type Environment, type Flags } from '../setting.ts';
import { requireReadableManifests } from './file-check.ts';

/** `sluice translate`: what would be served, without serving it. */
export async function translate(flags: Flags, environment: Environment): Promise<number> {
  const config = readConfig(flags, environment, {
    filesOnly: true,
    listenAddress: '0.0.0.0',
    logLevel: 'warn',
    logFormat: process.stderr.isTTY ? 'pretty' : 'json',
  });
  const output = new Settings(flags, environment).one('output', parseOneOf(['yaml', 'json'] as const)) ?? 'yaml';
  if (config.source.kind === 'directory') await requireReadableManifests(config.source.paths);
  const { resources, problems } = await translateDirectory(config, createLogger(config.log));
  const result = {
    resources: resources.map(({ typeUrl, name, json }) => ({ typeUrl, name, resource: redact(json) })),
    problems,
  };
  // Without anchors: the output is to be read, and other tools read plain YAML best.
  const rendered =
    output === 'json'
      ? JSON.stringify(result, undefined, 2)
      : stringify(result, { aliasDuplicateObjects: false, lineWidth: 0 }).trimEnd();
  process.stdout.write(`${rendered}\n`);
  return problems.some(({ severity }) => severity === 'error') ? 1 : 0;
}
