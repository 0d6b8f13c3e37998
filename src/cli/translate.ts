import { stringify } from 'yaml';
import { redact } from '../admin/redaction.ts';
import { readConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import type { Problem } from '../model/problem.ts';
import { translateDirectory, type OfflineTranslation, type OtherIngress } from '../offline.ts';
import { parseOneOf, Settings, type Environment, type Flags } from '../setting.ts';
import { describeProblem } from './change-report.ts';
import { requireReadableManifests } from './file-check.ts';

/**
 * `sluice translate`: what would be served, without serving it. Problems and resources go to stdout, for programs; problems, and last how
 * many Ingresses the resources are from, to stderr, for people.
 */
export async function translate(flags: Flags, environment: Environment): Promise<number> {
  const config = readConfig(flags, environment, {
    filesOnly: true,
    listenAddress: '0.0.0.0',
    logLevel: 'warn',
    logFormat: process.stderr.isTTY ? 'pretty' : 'json',
  });
  const output = new Settings(flags, environment).one('output', parseOneOf(['yaml', 'json'] as const)) ?? 'yaml';
  if (config.source.kind === 'directory') await requireReadableManifests(config.source.paths);
  const translation = await translateDirectory(config, createLogger(config.log));
  const resources = translation.resources.map(({ typeUrl, name, json }) => ({ typeUrl, name, resource: redact(json) }));
  // Without anchors: the output is to be read, and other tools read plain YAML best.
  const result = { problems: translation.problems, resources };
  const rendered =
    output === 'json'
      ? JSON.stringify(result, undefined, 2)
      : stringify(result, { aliasDuplicateObjects: false, lineWidth: 0 }).trimEnd();
  process.stdout.write(`${rendered}\n`);
  const complaint = complaintOf(translation, config.classes.names);
  process.stderr.write(`${summaryOf(translation, complaint).join('\n')}\n`);
  if (countOf(translation.problems, 'error') > 0) return 1;
  return complaint === undefined ? 0 : 2;
}

const severities = ['info', 'warning', 'error'] as const satisfies readonly Problem['severity'][];

/** The worst last, where a terminal shows them. */
function bySeverity(problems: readonly Problem[]): readonly Problem[] {
  return severities.flatMap((severity) => problems.filter((problem) => problem.severity === severity));
}

function countOf(problems: readonly Problem[], severity: Problem['severity']): number {
  return problems.filter((problem) => problem.severity === severity).length;
}

function summaryOf({ problems, translated, others }: OfflineTranslation, complaint: string | undefined) {
  const errors = countOf(problems, 'error');
  const ofThese = errors === 0 ? '' : ` (${counted(errors, 'error')})`;
  return [
    ...bySeverity(problems).map(describeProblem),
    ...(complaint === undefined ? [] : [`sluice: ${complaint}`]),
    `${counted(translated, 'Ingress')} translated, ${others.length} of another class, ${counted(problems.length, 'problem')}${ofThese}`,
  ];
}

function counted(count: number, what: string): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what}${what.endsWith('s') ? 'es' : 's'}`;
}

/** Where there are Ingresses and none is of a class of ours, the flags have to be other ones: which, is in what is answered. */
function complaintOf({ translated, others }: OfflineTranslation, ourNames: readonly string[]): string | undefined {
  // Of a class that we go by and that is not there, a problem tells.
  const foreign = others.filter(({ className }) => className === undefined || !ourNames.includes(className));
  if (translated > 0 || foreign.length === 0) return undefined;
  const named = [...distinct(foreign.map(({ className }) => className)), ...(hasClassless(foreign) ? ['none'] : [])];
  const which = others.length === 1 ? 'the only Ingress is' : `all ${others.length} Ingresses are`;
  return `${which} of another class (${named.join(', ')}): to translate, add ${flagsFor(foreign).join(' ')}`;
}

function flagsFor(foreign: readonly OtherIngress[]): readonly string[] {
  const named = foreign.filter(({ className }) => className !== undefined);
  const names = distinct(named.map(({ className }) => className)).flatMap((name) => ['--ingress-class', name]);
  const controllers = distinct(named.map(({ controller }) => controller)).flatMap((name) => [
    '--controller-name',
    name,
  ]);
  const isComplete = named.every(({ controller }) => controller !== undefined);
  return [
    ...names,
    ...(isComplete ? controllers : ['--ingress-class-by-name-only']),
    ...(hasClassless(foreign) ? ['--watch-ingress-without-class'] : []),
  ];
}

function hasClassless(ingresses: readonly OtherIngress[]): boolean {
  return ingresses.some(({ className }) => className === undefined);
}

/** Sorted. */
function distinct(texts: readonly (string | undefined)[]): readonly string[] {
  return [...new Set(texts.flatMap((text) => text ?? []))].toSorted();
}
