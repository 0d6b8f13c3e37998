import type { Backend } from './backend.ts';
import type { ObjectRef } from './object-ref.ts';
import type { Policies } from './policy.ts';

/** One host with everything that is served under it: the unit of routing, of change and of isolation. */
export interface Host {
  /** `a.test`, `*.a.test` (exactly one label before `.a.test`) or `*` (every host that no other matches). Lower case. */
  readonly name: string;
  /** The host that is served under this name, when no Ingress has a rule for the name. */
  readonly aliasOf?: string;
  /** In order of precedence: the first that matches a request decides. */
  readonly routes: readonly Route[];
  /**
   * Keys (`namespace/name`) of the Secrets with the certificates that TLS clients asking for this host are shown. Several
   * are for clients of different abilities, such as an RSA and an ECDSA one.
   */
  readonly certificates: readonly string[];
  /** Whether an Ingress asks for TLS for this host, with a Secret that can be used or without. */
  readonly hasTls: boolean;
  /** What goes for the whole host. */
  readonly policies: Policies;
  /** Answers 404 to what no path matches, with the policies of the oldest Ingress of the host; absent if a path matches all. */
  readonly implicitRoot?: Route;
  /** Of the catch-all host: hosts that are served under all names that an expression matches, before all else. */
  readonly expressions?: readonly { readonly regex: string; readonly host: Host }[];
}

export interface Route {
  readonly match: PathMatch;
  readonly action: RouteAction;
  readonly policies: Policies;
  /** Serves while the backend of the action has no endpoints. */
  readonly spare?: Backend;
  /** Whether the path ends in a slash, and the same without it is answered with a redirect to it. */
  readonly addsSlash?: true;
  /** The object and field that the route comes from. */
  readonly origin: Origin;
  /** What its policies talk to, beside the backend of the action. */
  readonly upstreams?: readonly Backend[];
  /** Takes some of the requests, as `policies` say. */
  readonly canary?: Canary;
  /** Set when the backend is known to have no endpoints, so that this can be answered before other checks. */
  readonly isEmpty?: true;
}

/** A second backend for the requests of a route, from an Ingress of its own. */
export interface Canary {
  readonly backend: Backend;
  readonly origin: Origin;
}

export interface Origin {
  readonly object: ObjectRef;
  readonly field: string;
}

export type PathMatch =
  /** The whole path equals `path`. */
  | { readonly kind: 'exact'; readonly path: string; readonly written?: string }
  /** The elements of `path`, which has no slash at its end (`` for the root), are the first elements of the request's. */
  | {
      readonly kind: 'prefix';
      readonly path: string;
      /** Set when a slash was written at the end. */
      readonly slash?: true;
      /** As it stands in the Ingress, where that is spelled otherwise: what counts where paths are expressions. */
      readonly written?: string;
    }
  /** The expression matches from the begin of the path on, without regard to case. */
  | { readonly kind: 'regex'; readonly path: string };

export type RouteAction =
  | { readonly kind: 'backend'; readonly backend: Backend }
  /** Answer 503 because what the user asked for can't be served; `isClosed` if that would protect the path. */
  | { readonly kind: 'unavailable'; readonly isClosed?: true }
  /** Answer 404 because nobody has the path. */
  | { readonly kind: 'not found' };

/**
 * What Ingresses of other namespaces than that of the oldest one may say of a host. `namespace`: nothing. `policies`: paths, but nothing
 * that goes for the whole host. `none`: everything, as in ingress-nginx.
 */
export const hostOwnerships = ['policies', 'namespace', 'none'] as const;

export type HostOwnership = (typeof hostOwnerships)[number];

/** The catch-all host. */
export const anyHost = '*';

/** Not a host, but the place of the routes behind all others: they serve what no path of a known host matches. */
export const knownHosts = '';

/** `*.a.test` for `b.a.test`: the wildcard host that covers an exact host; undefined if it has one label or is a wildcard. */
export function wildcardOf(host: string): string | undefined {
  const dot = host.indexOf('.');
  return dot < 1 || host.startsWith('*') ? undefined : `*${host.slice(dot)}`;
}

/** Whether a route matches every path. */
export function isRoot({ match }: Route): boolean {
  return (match.kind === 'prefix' && match.path === '') || (match.kind === 'regex' && match.path === '/');
}

/** Precedence of paths within a host: exact before prefix, longer before shorter, then by text; backwards for expressions. */
export function comparePathMatches(a: PathMatch, b: PathMatch): number {
  if (a.kind !== b.kind) return a.kind === 'exact' ? -1 : 1;
  if (a.path.length !== b.path.length) return b.path.length - a.path.length;
  if (a.path === b.path) return 0;
  return a.path < b.path === (a.kind !== 'regex') ? -1 : 1;
}
