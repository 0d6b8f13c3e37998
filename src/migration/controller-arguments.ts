/** The command line of an ingress-nginx, as the flags of Sluice that mean the same. */
import { controllerFlagNamed, controllerFlags } from './controller-flags.ts';
import type { ControllerFlag } from './controller-flags.ts';

/** One flag as it is written, and what becomes of it. */
export interface FlagFinding {
  readonly flag: string;
  readonly value: string;
  /** `needless` and `met` cost nothing. `unknown` is none of ingress-nginx's. */
  readonly outcome: 'same' | 'needless' | 'met' | 'refused' | 'unknown';
  /** Empty for `same` and `met`. */
  readonly why: string;
  /** What to do; empty where there is nothing to do. */
  readonly fix: string;
}

/** Flags in the form in which the command line gives them: names in camelCase, repeatable ones as lists. */
export type OwnFlags = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

export interface ControllerArguments {
  readonly findings: readonly FlagFinding[];
  /** What to give to `sluice serve`. */
  readonly flags: OwnFlags;
}

const repeatable: ReadonlySet<string> = new Set([
  'controller-name',
  'ingress-class',
  'publish-status-address',
  'watch-namespace',
]);

/** @param args as in a container's `args`: `--flag=value`, `--flag value`, `--flag`; anything else is passed over */
export function readControllerArguments(args: readonly string[]): ControllerArguments {
  const findings: FlagFinding[] = [];
  const flags: Record<string, string | readonly string[] | boolean> = {};
  for (let index = 0; index < args.length; index += 1) {
    const [, name, inline] = /^--?([a-zA-Z][\w-]*)(?:=([\s\S]*))?$/.exec(args[index] ?? '') ?? [];
    if (name === undefined) continue;
    const flag = controllerFlagNamed(name);
    const next = args[index + 1];
    const takesNext = inline === undefined && flag?.isSwitch === false && next !== undefined;
    if (takesNext) index += 1;
    const value = inline ?? (takesNext ? next : 'true');
    findings.push(judgeFlag(name, value));
    if (flag !== undefined) Object.assign(flags, ownFlag(flag, value));
  }
  return { findings, flags };
}

export function judgeFlag(name: string, value: string): FlagFinding {
  const meaning = controllerFlagNamed(name)?.meaning;
  const written = { flag: name, value };
  switch (meaning?.kind) {
    case undefined:
      return { ...written, outcome: 'unknown', why: 'ingress-nginx has no such flag', fix: 'leave it out' };
    case 'same':
      return {
        ...written,
        outcome: 'same',
        why: meaning.as === undefined ? '' : `here it is --${meaning.as}`,
        fix: '',
      };
    case 'needless':
      return { ...written, outcome: 'needless', why: meaning.why, fix: '' };
    case 'refused':
      if (meaning.isMet?.test(value) === true) return { ...written, outcome: 'met', why: '', fix: '' };
      return { ...written, outcome: 'refused', why: meaning.why, fix: meaning.fix };
  }
}

/** What flags of ingress-nginx on our own command line mean; flags of ours stay as they are. */
export function translateFlags(flags: OwnFlags): ControllerArguments {
  const findings: FlagFinding[] = [];
  const own: Record<string, string | readonly string[] | boolean | undefined> = { ...flags };
  for (const flag of controllerFlags) {
    const key = camelCase(flag.name);
    const value = flags[key];
    const isSame = flag.meaning.kind === 'same' && flag.meaning.as === undefined;
    if (isSame || (typeof value !== 'string' && typeof value !== 'boolean')) continue;
    delete own[key];
    findings.push(judgeFlag(flag.name, String(value)));
    for (const [name, translated] of Object.entries(ownFlag(flag, String(value)))) own[name] ??= translated;
  }
  return { findings, flags: own };
}

function ownFlag({ name, meaning, isSwitch }: ControllerFlag, value: string): OwnFlags {
  if (meaning.kind !== 'same' || (value === '' && !isSwitch)) return {};
  const target = meaning.as ?? name;
  return { [camelCase(target)]: repeatable.has(target) ? [value] : convert(name, value) };
}

function convert(name: string, value: string): string {
  if (name === 'disable-svc-external-name') return value === 'false' ? 'true' : 'false';
  if (name === 'v') return Number(value) >= 3 ? 'debug' : 'info';
  return value;
}

function camelCase(flag: string): string {
  return flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
