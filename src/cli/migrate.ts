import { readConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { findControllers, migrate as readMigration } from '../migrate.ts';
import { readControllerArguments } from '../migration/controller-arguments.ts';
import type { ControllerArguments } from '../migration/controller-arguments.ts';
import { renderMarkdown, renderText } from '../migration/render.ts';
import { parseOneOf, parseText, Settings, type Environment, type Flags, UsageError } from '../setting.ts';
import { requireReadableFiles, requireReadableManifests } from './file-check.ts';

/** Of a controller's flags those that decide what is served. */
const decisive = new Set([
  'allowExternalNames',
  'annotationsPrefix',
  'configmap',
  'controllerName',
  'defaultBackendService',
  'defaultSslCertificate',
  'enableSslPassthrough',
  'ingressClass',
  'ingressClassByName',
  'watchIngressWithoutClass',
]);

/** What an ingress-nginx without flags goes by. */
const nginxDefaults: Flags = { ingressClass: ['nginx'], controllerName: ['k8s.io/ingress-nginx'] };

/** `sluice migrate`: what a move from ingress-nginx would change. */
export async function migrate(given: Flags, environment: Environment): Promise<number> {
  const settings = new Settings(given, environment);
  const output = settings.one('output', parseOneOf(['text', 'json', 'markdown'] as const)) ?? 'text';
  const controller = await readController(settings);
  const decided = Object.entries(controller.flags).filter(([name]) => decisive.has(name));
  const own = Object.entries(given).filter(([, value]) => value !== undefined);
  const flags = { ...nginxDefaults, ...Object.fromEntries(decided), ...Object.fromEntries(own) };
  const config = readConfig(flags, environment, {
    filesOnly: false,
    listenAddress: '0.0.0.0',
    logLevel: 'error',
    logFormat: process.stderr.isTTY ? 'pretty' : 'json',
  });
  if (config.source.kind === 'directory') await requireReadableManifests(config.source.paths);
  // A folder of Ingresses often lacks the IngressClass, which belongs to the controller.
  const classes = { ...config.classes, areOptional: true };
  const report = await readMigration({ ...config, classes }, controller.findings, createLogger(config.log));
  const rendered = {
    text: () => renderText(report),
    json: () => `${JSON.stringify(report, undefined, 2)}\n`,
    markdown: () => renderMarkdown(report),
  }[output]();
  process.stdout.write(rendered);
  const { verdict, isEmpty, others } = report.summary;
  if (isEmpty && verdict !== 'refused') {
    const found = others === 0 ? 'is no Ingress at all' : `are Ingresses of other classes only, ${others} of them`;
    const fix = others === 0 ? 'give the folder or the cluster that has them' : 'name their class with --ingress-class';
    process.stderr.write(`sluice: there ${found}: ${fix}\n`);
    return 2;
  }
  return verdict === 'refused' || (verdict === 'different' && settings.isOn('strict')) ? 1 : 0;
}

async function readController(settings: Settings): Promise<ControllerArguments> {
  const file = settings.one('controller', parseText);
  if (file !== undefined) await requireReadableFiles([{ flag: '--controller', path: file }]);
  const [first, ...others] = await findControllers(file === undefined ? settings.many('dir', parseText) : [file]);
  if (first === undefined) {
    if (file === undefined) return { findings: [], flags: {} };
    throw new UsageError(
      `--controller "${file}" holds no Deployment or DaemonSet of ingress-nginx: give one that does`,
    );
  }
  if (others.length > 0) {
    const names = [first, ...others].map(({ name }) => name).join(', ');
    throw new UsageError(`there are several ingress-nginx, ${names}: give the file of one with --controller`);
  }
  return readControllerArguments(first.args);
}
