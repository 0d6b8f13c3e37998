/**
 * Behaviour of ingress-nginx that nobody writes down in an Ingress, where it decides what a path of the given Ingresses does.
 * Sluice does the same; other controllers may not, and whoever reads the Ingress may not expect it.
 */
import type { Ingress } from '../cluster/kubernetes-object.ts';
import { usesRegex } from '../features/policies.ts';
import { parseHostName } from '../ingress/host-name.ts';
import { anyHost, knownHosts } from '../model/host.ts';
import type { Host, Route } from '../model/host.ts';
import { objectKey } from '../model/object-ref.ts';

export interface Quirk {
  readonly quirk: 'regex host' | 'oldest wins' | 'implicit root' | 'exact before prefix' | 'trailing slash';
  readonly host: string;
  /** As it is written in the Ingress; empty for what goes for the host. */
  readonly path: string;
  /** What it does here. One sentence without a full stop. */
  readonly effect: string;
}

/** @returns the quirks by Ingress (`namespace/name`) */
export function quirksOf(
  hosts: Iterable<readonly [string, Host]>,
  ingresses: readonly Ingress[],
): ReadonlyMap<string, readonly Quirk[]> {
  const byKey = new Map(ingresses.map((ingress) => [objectKey(ingress.metadata), ingress]));
  const found = new Map<string, Quirk[]>();
  const add = (ingress: string, quirk: Quirk): void => {
    const others = found.get(ingress);
    if (others === undefined) found.set(ingress, [quirk]);
    else others.push(quirk);
  };
  for (const [name, host] of [...hosts].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (name === knownHosts || host.aliasOf !== undefined) continue;
    const shown = name === anyHost ? 'every other host' : name;
    const written = host.routes.flatMap((route) => writtenPath(route, byKey) ?? []);
    for (const { ingress, quirk } of quirksOfHost(shown, host, written)) add(ingress, quirk);
    for (const { ingress, quirk } of conflicts(name, shown, written, ingresses)) add(ingress, quirk);
  }
  return found;
}

interface WrittenPath {
  readonly route: Route;
  /** Key of the Ingress. */
  readonly ingress: string;
  readonly path: string;
  readonly pathType: string;
}

interface Found {
  readonly ingress: string;
  readonly quirk: Quirk;
}

/** The path of the Ingress that a route was made of. */
function writtenPath(route: Route, byKey: ReadonlyMap<string, Ingress>): WrittenPath | undefined {
  const { object, field } = route.origin;
  const [, rule, path] = /^spec\.rules\[(\d+)\]\.http\.paths\[(\d+)\]$/.exec(field) ?? [];
  const ingress = objectKey(object);
  const written = byKey.get(ingress)?.spec.rules[Number(rule)]?.paths[Number(path)];
  return written && { route, ingress, path: written.path, pathType: written.pathType };
}

function quirksOfHost(host: string, { routes, implicitRoot }: Host, written: readonly WrittenPath[]): readonly Found[] {
  const found: Found[] = [];
  const cause = written.find(({ route, path }) => usesRegex(route.policies, path));
  if (routes.some(({ match }) => match.kind === 'regex') && cause !== undefined) {
    for (const { ingress, path, pathType, route } of written) {
      if (usesRegex(route.policies, path) && pathType === 'ImplementationSpecific') continue;
      const effect = `Ingress ${cause.ingress} makes all paths of the host regular expressions: ${pathType} "${path}" matches without regard to case whatever begins with it, and the longest expression comes first`;
      found.push({ ingress, quirk: { quirk: 'regex host', host, path, effect } });
    }
  } else {
    found.push(...slashesAndExacts(host, written));
  }
  if (implicitRoot !== undefined) {
    const ingress = objectKey(implicitRoot.origin.object);
    const effect =
      'no path matches everything: what is left answers 404, after the redirects and checks of this Ingress, the oldest of the host';
    found.push({ ingress, quirk: { quirk: 'implicit root', host, path: '', effect } });
  }
  return found;
}

function slashesAndExacts(host: string, written: readonly WrittenPath[]): readonly Found[] {
  const has = (kind: string, path: string): boolean =>
    written.some(({ route: { match } }) => match.kind === kind && match.path === path);
  return written.flatMap(({ ingress, path, route: { match } }): readonly Found[] => {
    if (match.kind === 'exact' && has('prefix', match.path)) {
      const effect = `the Exact path goes before the Prefix path of the same text, for exactly "${path}"`;
      return [{ ingress, quirk: { quirk: 'exact before prefix', host, path, effect } }];
    }
    if (match.kind === 'prefix' && match.slash === true && !has('exact', match.path)) {
      const effect = `the path ends with a slash: a request for "${match.path}" is answered as ingress-nginx does it for such a path`;
      return [{ ingress, quirk: { quirk: 'trailing slash', host, path, effect } }];
    }
    return [];
  });
}

/** Paths that an older Ingress has already. */
function conflicts(
  name: string,
  host: string,
  written: readonly WrittenPath[],
  ingresses: readonly Ingress[],
): readonly Found[] {
  const winners = new Map(written.map((each) => [`${each.pathType} ${each.path}`, each.ingress]));
  return ingresses.flatMap(({ metadata, spec }) => {
    const ingress = objectKey(metadata);
    const paths = spec.rules
      .filter((rule) => (rule.host === '' ? anyHost : parseHostName(rule.host)) === name)
      .flatMap((rule) => rule.paths);
    return paths.flatMap(({ path, pathType }): readonly Found[] => {
      const winner = winners.get(`${pathType} ${path}`);
      if (winner === undefined || winner === ingress) return [];
      const effect = `Ingress ${winner}, which is older, serves this path`;
      return [{ ingress, quirk: { quirk: 'oldest wins', host, path, effect } }];
    });
  });
}
