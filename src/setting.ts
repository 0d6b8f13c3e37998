import { isIP } from 'node:net';

/** Reading of single settings: a flag, else its environment variable, with the checks that several flags share. */

/** What the user asked for cannot be done as asked; the message is one line that names the flag, the value and the fix. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Flags as commander gives them: in camelCase, repeatable ones as lists, switches as true. */
export type Flags = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

export type Environment = Readonly<Record<string, string | undefined>>;

/** One value with the name under which the user gave it: `--http-port` or `SLUICE_HTTP_PORT`. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Namespace and name of an object, as `NAMESPACE/NAME` names it. */
export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** Looks settings up by the flag's name without the dashes. A flag wins over the environment; an empty variable is unset. */
export class Settings {
  readonly #flags: Flags;
  readonly #environment: Environment;

  constructor(flags: Flags, environment: Environment) {
    this.#flags = flags;
    this.#environment = environment;
  }

  one<T>(flag: string, parse: (setting: Setting) => T): T | undefined {
    const setting = this.find(flag);
    return setting === undefined ? undefined : parse(setting);
  }

  /** A repeatable flag; its environment variable holds the values with commas between them. */
  many<T>(flag: string, parse: (setting: Setting) => T): readonly T[] {
    const given = this.#flags[attributeName(flag)];
    if (Array.isArray(given)) return given.map((value) => parse({ name: `--${flag}`, value: String(value) }));
    const name = variableName(flag);
    const values = (this.#environment[name] ?? '').split(',').map((value) => value.trim());
    return values.filter((value) => value !== '').map((value) => parse({ name, value }));
  }

  isOn(flag: string): boolean {
    const setting = this.find(flag);
    if (setting === undefined || setting.value === 'false') return false;
    if (setting.value === 'true') return true;
    return refuse(setting, 'is neither true nor false', 'set it to true or leave it out');
  }

  find(flag: string): Setting | undefined {
    const given = this.#flags[attributeName(flag)];
    if (typeof given === 'string' || given === true) return { name: `--${flag}`, value: String(given) };
    const name = variableName(flag);
    const value = this.#environment[name];
    return value === undefined || value === '' ? undefined : { name, value };
  }
}

/** `http-port` is `httpPort` among commander's options. */
function attributeName(flag: string): string {
  return flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** `http-port` is `SLUICE_HTTP_PORT` in the environment. */
function variableName(flag: string): string {
  return `SLUICE_${flag.replaceAll('-', '_').toUpperCase()}`;
}

export function refuse(setting: Setting, what: string, fix: string): never {
  throw new UsageError(`${setting.name} "${setting.value}" ${what}: ${fix}`);
}

export function parseText(setting: Setting): string {
  return setting.value === '' ? refuse(setting, 'is empty', 'give a value or leave it out') : setting.value;
}

/** A small whole number. */
export function parseCount(setting: Setting): number {
  return /^\d{1,2}$/.test(setting.value)
    ? Number(setting.value)
    : refuse(setting, 'is not a small whole number', 'give a number from 0 to 99');
}

export function parseNumber(setting: Setting): number {
  return /^[1-9]\d{0,8}$/.test(setting.value)
    ? Number(setting.value)
    : refuse(setting, 'is not a number', 'give a whole number from 1 to 999999999');
}

/** A port that something else listens on or will listen on. */
export function parsePort(setting: Setting): number {
  const port = readPort(setting.value, 1);
  return port ?? refuse(setting, 'is not a port', 'give a number from 1 to 65535');
}

/** `127.0.0.1:18000`, `localhost:18000`, `[::1]:18000`. Port 0 lets the system choose a free one. */
export function parseHostPort(setting: Setting): HostPort {
  const match = /^(?:\[(?<bracketed>[0-9A-Fa-f:.]+)\]|(?<plain>[^\s:[\]/]+)):(?<port>\d+)$/.exec(setting.value);
  const host = match?.groups?.['bracketed'] ?? match?.groups?.['plain'];
  const port = readPort(match?.groups?.['port'] ?? '', 0);
  if (host === undefined || port === undefined) {
    return refuse(setting, 'is not HOST:PORT', 'write it like 127.0.0.1:18000 or [::1]:18000');
  }
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function readPort(text: string, lowest: number): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= lowest && port <= 65_535 ? port : undefined;
}

export function parseIpAddress(setting: Setting): string {
  if (isIP(setting.value) !== 0) return setting.value;
  return refuse(setting, 'is not an IP address', 'write it like 0.0.0.0, 127.0.0.1 or ::');
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

export function parseNamespacedName(setting: Setting): NamespacedName {
  const match = /^(?<namespace>[a-z0-9-]+)\/(?<name>[a-z0-9.-]+)$/.exec(setting.value);
  const { namespace, name } = match?.groups ?? {};
  if (namespace === undefined || name === undefined) {
    return refuse(setting, 'does not name an object', 'write it like NAMESPACE/NAME');
  }
  return { namespace, name };
}

const millisecondsPerUnit: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** `10ms`, `1.5s`, `1m`, `720h`; in milliseconds. */
export function parseDuration(setting: Setting): number {
  const match = /^(?<amount>\d+(?:\.\d+)?)(?<unit>ms|s|m|h)$/.exec(setting.value);
  const unit = millisecondsPerUnit[match?.groups?.['unit'] ?? ''];
  if (unit === undefined) return refuse(setting, 'is not a duration', 'write it like 10ms, 1.5s or 1m');
  return Number(match?.groups?.['amount']) * unit;
}

export function parseOneOf<T extends string>(choices: readonly T[]): (setting: Setting) => T {
  return (setting) =>
    choices.find((choice) => choice === setting.value) ??
    refuse(setting, 'is not known', `choose one of ${choices.join(', ')}`);
}

/** For flags whose default is true, or which ingress-nginx writes with a value. */
export function parseSwitch(setting: Setting): boolean {
  if (setting.value === 'true') return true;
  return setting.value === 'false' ? false : refuse(setting, 'is neither true nor false', 'write true or false');
}
