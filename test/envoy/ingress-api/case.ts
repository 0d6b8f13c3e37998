/** What a case of the Ingress API is: the objects that a user writes, and what a client then sees. Cases are data. */
import type { IngressPath, KubernetesObject } from '../../../src/cluster/kubernetes-object.ts';
import type { TranslationOptions } from '../../../src/translation/translation.ts';
import { ingress, path } from '../../support/objects.ts';
import type { IngressParts } from '../../support/objects.ts';

export interface IngressCase {
  /** A sentence. */
  readonly title: string;
  readonly objects: readonly KubernetesObject[];
  readonly requests: readonly Expectation[];
  /** `Ingress default/web spec.rules[0].host InvalidHost`: all there are of the objects of this case, sorted. */
  readonly problems?: readonly string[];
  /** A case that says something of all hosts, or of the classes, is served by itself. */
  readonly alone?: Partial<TranslationOptions>;
}

export interface Expectation {
  /** What stands in the Host header. */
  readonly host: string;
  readonly path: string;
  /** The Service that answers, or the status when none does. */
  readonly expected: string;
}

/** `{ 'a.test/x': 'web' }`: the host is what stands before the first slash. */
export function asks(requests: Readonly<Record<string, string>>): readonly Expectation[] {
  return Object.entries(requests).map(([text, expected]) => {
    const slash = text.indexOf('/');
    return { host: text.slice(0, slash), path: text.slice(slash), expected };
  });
}

/** A host without a port has the paths of its own Ingress; `host` is also the name of the Ingress. */
export function pathCase(
  host: string,
  title: string,
  paths: Readonly<Record<string, string>>,
  requests: Readonly<Record<string, string>>,
  more: Partial<IngressCase> = {},
): IngressCase {
  const asked = Object.entries(requests).map(([text, expected]) => ({ host, path: text, expected }));
  const object = ingress(host, { hosts: { [host]: withPorts(paths) } });
  return { title, objects: [object], requests: asked, ...more };
}

/** `web` is `web:80`. */
export function withPorts(paths: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(paths).map(([text, backend]) => [text, backend.includes(':') ? backend : `${backend}:80`]),
  );
}

/** An Ingress whose rules may name a host twice, or none. */
export function ingressWithRules(
  name: string,
  rules: readonly (readonly [host: string, paths: Readonly<Record<string, string>>])[],
  parts: Omit<IngressParts, 'hosts'> = {},
): ReturnType<typeof ingress> {
  const base = ingress(name, parts);
  const written = rules.map(([host, paths]) => ({
    host,
    paths: Object.entries(withPorts(paths)).map(([text, backend]): IngressPath => path(text, backend)),
  }));
  return { ...base, spec: { ...base.spec, rules: written } };
}
