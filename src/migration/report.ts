/**
 * What a move from ingress-nginx changes, Ingress by Ingress: put together from what serving itself says of the same objects
 * (its Problems, and the differences that features state), so that the report cannot say something else than what is served.
 */
import type { ConfigMap, Ingress } from '../cluster/kubernetes-object.ts';
import { settingOfAnnotation, settingOfKey } from '../features/setting-lookup.ts';
import type { Setting } from '../features/feature.ts';
import { describeObject, objectKey } from '../model/object-ref.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import type { Translation } from '../translation/translation.ts';
import type { FlagFinding } from './controller-arguments.ts';
import { quirksOf } from './quirk.ts';
import type { Quirk } from './quirk.ts';

/** From the least to the most that a move costs. `different` is served, with a difference that is stated. */
export const verdicts = ['same', 'different', 'refused'] as const;

export type Verdict = (typeof verdicts)[number];

/** An annotation, a key of the ConfigMap, or another field, and what becomes of it. */
export interface Finding {
  /** The annotation without its prefix, the key, or the path of the field. */
  readonly name: string;
  /** As it is written, cut short; empty for fields. */
  readonly value: string;
  readonly verdict: Verdict;
  /** What differs or why it is refused; empty where there is nothing to say. */
  readonly why: string;
  /** What to do about it; empty where there is nothing to do. */
  readonly fix: string;
}

export interface IngressReport {
  readonly ingress: string;
  /** The worst of its findings. */
  readonly verdict: Verdict;
  readonly annotations: readonly Finding[];
  /** What is to be said of anything else than annotations. */
  readonly fields: readonly Finding[];
  readonly quirks: readonly Quirk[];
}

export interface MigrationReport {
  readonly summary: MigrationSummary;
  readonly ingresses: readonly IngressReport[];
  /** Those of other classes, which neither would serve. */
  readonly others: readonly { readonly ingress: string; readonly why: string }[];
  /** Absent when no ConfigMap was given. */
  readonly configMap?: { readonly object: string; readonly keys: readonly Finding[] };
  readonly flags: readonly FlagFinding[];
  /** What could not be read, and so is not in the rest of the report. */
  readonly unread: readonly Unread[];
}

export interface Unread {
  /** The object, or the file where it cannot be told. */
  readonly object: string;
  readonly why: string;
  readonly fix: string;
}

export interface MigrationSummary {
  /** The worst of everything. */
  readonly verdict: Verdict;
  readonly ingresses: Readonly<Record<Verdict, number>>;
  readonly others: number;
  /** Whether there is nothing to judge by: no Ingress is of a class that the controller serves. */
  readonly isEmpty: boolean;
  /** By name, the most used first. */
  readonly annotations: readonly AnnotationCount[];
}

export interface AnnotationCount extends Readonly<Record<Verdict, number>> {
  readonly annotation: string;
}

export interface MigrationInput {
  /** In which the objects are, committed. */
  readonly translation: Translation;
  readonly ingresses: readonly Ingress[];
  readonly configMap: ConfigMap | undefined;
  /** The same object's name, even when it does not exist. */
  readonly configMapName: ObjectRef | undefined;
  /** Of annotations, without the slash. */
  readonly prefix: string;
  /** Whether there was any Secret: where there was none, they are kept elsewhere, and are not missed. */
  readonly hasSecrets: boolean;
  /** The same of ConfigMaps, but for the one with the settings. */
  readonly hasConfigMaps: boolean;
  /** Of reading the objects. */
  readonly unread: readonly Problem[];
  readonly flags: readonly FlagFinding[];
}

/** What differs from what the severity says: `error` is refused, `warning` different, `info` the same. */
const effects: Partial<Record<ProblemReason, Verdict>> = {
  UnsupportedAnnotation: 'refused',
  UnsupportedSetting: 'refused',
  // ingress-nginx does not know these names either.
  UnknownAnnotation: 'same',
  UnknownSetting: 'same',
  // It answers 503, and lets the older one win, just as Sluice does.
  ServiceNotFound: 'same',
  ServicePortNotFound: 'same',
  NoEndpoints: 'same',
  PathConflict: 'same',
  DefaultBackendConflict: 'same',
  CertificateConflict: 'same',
  CertificateHostMismatch: 'same',
  // It lets any namespace decide for a host what no older Ingress has decided, unless a flag says otherwise.
  HostPolicyConflict: 'different',
  HostNotOwned: 'different',
  // It shows a certificate of its own making instead, which no client trusts.
  CertificateNotFound: 'different',
  InvalidCertificate: 'different',
  TlsWithoutSecret: 'different',
};

/** As features say it of what an annotation names. */
const missing = { Secret: /^Secret \S+ does not exist/, ConfigMap: /^there is no ConfigMap/ } as const;

const ofCertificates: ReadonlySet<ProblemReason> = new Set(['CertificateNotFound', 'TlsWithoutSecret']);

export function migrationReport(input: MigrationInput): MigrationReport {
  const { translation, ingresses, hasSecrets } = input;
  const problems = new Map<string, Problem[]>();
  for (const problem of translation.problems()) {
    if (!hasSecrets && ofCertificates.has(problem.reason)) continue;
    const key = `${problem.object.kind} ${objectKey(problem.object)}`;
    const others = problems.get(key);
    if (others === undefined) problems.set(key, [problem]);
    else others.push(problem);
  }
  const problemsOf = (kind: string, ref: { readonly namespace: string; readonly name: string }) =>
    problems.get(`${kind} ${objectKey(ref)}`) ?? [];
  const sorted = ingresses.toSorted((a, b) => (objectKey(a.metadata) < objectKey(b.metadata) ? -1 : 1));
  const ours = sorted.filter(({ metadata }) => translation.isOurs(objectKey(metadata)));
  // A canary serves nothing by itself, so it is in nobody's way.
  const serving = ours.filter(({ metadata }) => metadata.annotations[`${input.prefix}/canary`] !== 'true');
  const quirks = quirksOf(translation.hosts(), serving);
  const reports = ours.map((ingress): IngressReport => {
    const key = objectKey(ingress.metadata);
    const own = problemsOf('Ingress', ingress.metadata);
    const annotations = findingsOfAnnotations(ingress, own, input);
    const fields = own.filter(({ field }) => annotationOf(field) === undefined).map(findingOf);
    return {
      ingress: key,
      verdict: worst([...annotations, ...fields]),
      annotations,
      fields,
      quirks: quirks.get(key) ?? [],
    };
  });
  const others = sorted
    .filter(({ metadata }) => !translation.isOurs(objectKey(metadata)))
    .map(({ metadata }) => ({
      ingress: objectKey(metadata),
      why: problemsOf('Ingress', metadata)[0]?.message ?? 'its class is that of another controller',
    }));
  const configMap = configMapReport(input, problemsOf);
  const flagVerdict = input.flags.some(({ outcome }) => outcome === 'refused') ? 'refused' : 'same';
  const readVerdict = input.unread.length > 0 ? 'refused' : 'same';
  const all = [
    ...reports,
    ...(configMap?.keys ?? []),
    { verdict: flagVerdict } as const,
    { verdict: readVerdict } as const,
  ];
  return {
    summary: {
      verdict: worst(all),
      ingresses: count(reports),
      others: others.length,
      isEmpty: reports.length === 0,
      annotations: countAnnotations(reports),
    },
    ingresses: reports,
    others,
    ...(configMap && { configMap }),
    flags: input.flags,
    unread: input.unread.map(({ object, field, message, fix }) => ({
      object: [describeObject(object), field].filter((each) => each !== '').join(' '),
      why: message,
      fix,
    })),
  };
}

function configMapReport(
  { configMap, configMapName }: MigrationInput,
  problemsOf: (kind: string, ref: ObjectRef) => readonly Problem[],
): MigrationReport['configMap'] {
  if (configMapName === undefined) return undefined;
  const problems = problemsOf('ConfigMap', configMapName);
  const keys = Object.entries(configMap?.data ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const findings = keys.map(([key, value]) => {
    const own = problems.filter(({ field }) => field === `data[${key}]`);
    return judge(key, value, own, settingOfKey(key));
  });
  const whole = problems.filter(({ field }) => field === '').map(findingOf);
  return { object: objectKey(configMapName), keys: [...whole, ...findings] };
}

function findingsOfAnnotations(
  { metadata }: Ingress,
  problems: readonly Problem[],
  { prefix, hasSecrets, hasConfigMaps }: MigrationInput,
): readonly Finding[] {
  const names = Object.keys(metadata.annotations).filter((name) => name.startsWith(`${prefix}/`));
  return names.toSorted().map((name) => {
    const short = name.slice(prefix.length + 1);
    const own = problems.filter(({ field }) => annotationOf(field) === name);
    const value = metadata.annotations[name] ?? '';
    const elsewhere = own.find(
      ({ message }) =>
        (!hasSecrets && missing.Secret.test(message)) || (!hasConfigMaps && missing.ConfigMap.test(message)),
    );
    if (elsewhere === undefined) return judge(short, value, own, settingOfAnnotation(short));
    const why = 'what it names is not among the objects, so it was not looked at';
    return { name: short, value: shorten(value), verdict: 'same', why, fix: '' };
  });
}

/** The annotation that a problem is about. */
function annotationOf(field: string): string | undefined {
  return /^metadata\.annotations\[(.*)\]$/.exec(field)?.[1];
}

/** What is wrong comes before what differs: a value that is left out does not differ in what it does. */
function judge(
  name: string,
  value: string,
  problems: readonly Problem[],
  setting: Setting<unknown> | undefined,
): Finding {
  const found = problems
    .map(findingOf)
    .toSorted((a, b) => verdicts.indexOf(b.verdict) - verdicts.indexOf(a.verdict))[0];
  if (found !== undefined) return { ...found, name, value: shorten(value) };
  const { difference: stated = '', differsFor } = setting?.documentation ?? {};
  const difference = differsFor?.test(value.trim()) === false ? '' : stated;
  return {
    name,
    value: shorten(value),
    verdict: difference === '' ? 'same' : 'different',
    why: difference,
    fix: '',
  };
}

function findingOf({ field, reason, severity, message, fix }: Problem): Finding {
  const bySeverity = { error: 'refused', warning: 'different', info: 'same' } as const;
  return { name: field, value: '', verdict: effects[reason] ?? bySeverity[severity], why: message, fix };
}

function worst(of: readonly { readonly verdict: Verdict }[]): Verdict {
  return verdicts.findLast((verdict) => of.some((each) => each.verdict === verdict)) ?? 'same';
}

function count(of: readonly { readonly verdict: Verdict }[]): Readonly<Record<Verdict, number>> {
  const having = (verdict: Verdict): number => of.filter((each) => each.verdict === verdict).length;
  return { same: having('same'), different: having('different'), refused: having('refused') };
}

function countAnnotations(reports: readonly IngressReport[]): readonly AnnotationCount[] {
  const byName = new Map<string, Finding[]>();
  for (const finding of reports.flatMap(({ annotations }) => annotations)) {
    const others = byName.get(finding.name);
    if (others === undefined) byName.set(finding.name, [finding]);
    else others.push(finding);
  }
  return [...byName]
    .toSorted(([a, of], [b, others]) => others.length - of.length || (a < b ? -1 : 1))
    .map(([annotation, findings]) => ({ annotation, ...count(findings) }));
}

/** In one line: snippets have many. */
function shorten(value: string): string {
  const line = value.replaceAll(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}
