/** The Envoy routes that one path of a host becomes, as the features put them together. */
import { backendName } from '../model/backend.ts';
import type { Backend } from '../model/backend.ts';
import type { Host, Route } from '../model/host.ts';
import type { AnyMessage, MessageTypes } from '../proto/message.ts';
import type { JsonObject } from '../proto/shape.ts';
import { defaultRetryPolicy } from './retry-policy.ts';
import type { RetryPolicy } from './retry-policy.ts';
import type { Feature, Scheme, Settings } from './feature.ts';

type EnvoyRoute = MessageTypes['envoy.config.route.v3.Route'];
type RouteMatch = MessageTypes['envoy.config.route.v3.RouteMatch'];
type RouteAction = MessageTypes['envoy.config.route.v3.RouteAction'];
export type HeaderMatcher = MessageTypes['envoy.config.route.v3.HeaderMatcher'];
export type HeaderValueOption = MessageTypes['envoy.config.core.v3.HeaderValueOption'];

/** What features may have to know of the host. */
export interface HostFacts {
  readonly name: Host['name'];
  /** Whether TLS has been asked for this host, by its own name or by the wildcard above it. */
  readonly hasTls: boolean;
  /** The host whose alias this is; undefined for one that has rules. */
  readonly aliasOf: string | undefined;
  /** Whether a proxy in front says by which scheme the client came, in X-Forwarded-Proto. */
  readonly believesProxies?: boolean;
  /** Those of the host. */
  readonly policies?: Host['policies'];
  /** Serves what no host has, and says the error pages where the Ingress has no default backend of its own. */
  readonly defaultBackend?: Backend;
}

/** What an answer is: a redirect or a direct response, with headers of its own. */
export type Answer = Pick<EnvoyRoute, 'redirect' | 'direct_response' | 'response_headers_to_add'>;

/** Tells some requests of a path from the others. */
export interface Condition {
  readonly headers?: readonly HeaderMatcher[];
  readonly cookies?: RouteMatch['cookies'];
  /** Whether the client has shown a certificate, and a good one. */
  readonly tls?: RouteMatch['tls_context'];
  /** How many of a million requests, drawn by chance. */
  readonly share?: number;
}

/** What is done with the requests of a condition. */
export interface Case {
  readonly when: Condition;
  readonly amend: () => void;
}

const million = 1_000_000;

/** Requests of the path that go to the backend, or those of them that `when` tells apart. */
interface Branch {
  readonly when: Condition;
  readonly route: Omit<EnvoyRoute, 'match' | 'route'>;
  readonly action: RouteAction;
}

/** Under which filters and logs find what `RoutePlan.metadata` says. */
export const metadataNamespace = 'sluice';

/** Shared by all paths that no feature changes. */
const untouched: readonly Branch[] = [{ when: {}, route: {}, action: {} }];

export class RoutePlan {
  readonly scheme: Scheme;
  readonly host: HostFacts;
  readonly route: Route;
  /** The spare backend of the route, if it has endpoints. */
  readonly spare: Backend | undefined;
  readonly #overTls: (backend: Backend) => Backend;
  readonly #asked: EnvoyRoute[] = [];
  readonly #answers: (Answer & { readonly match?: Partial<RouteMatch> })[] = [];
  readonly #everywhere: Record<string, AnyMessage> = {};
  #branches: readonly Branch[] = untouched;
  #isAnswered = false;

  /** @param overTls a backend as requests that came over TLS go to it */
  constructor(scheme: Scheme, host: HostFacts, route: Route, overTls: (backend: Backend) => Backend, spare?: Backend) {
    this.scheme = scheme;
    this.#overTls = overTls;
    this.spare = spare;
    this.host = host;
    this.route = route;
  }

  /** Where requests to a backend go. */
  clusterOf(backend: Backend): string {
    return backendName(this.scheme === 'https' ? this.#overTls(backend) : backend);
  }

  /** What another feature's policy for this path is. */
  policyOf<S extends Settings, P, D>(feature: Feature<S, P, D>): P | undefined {
    // oxlint-disable-next-line no-unsafe-type-assertion -- what stands under a feature's name was made by its own `policy`
    return this.route.policies.byFeature[feature.name] as P | undefined;
  }

  /** Whether every request is answered already, so that what follows is never reached. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Answers at this point of the order, without the filters and the backend; only the requests that match, if `match` is given. */
  answer(answer: Answer, match?: Partial<RouteMatch>): void {
    if (this.#isAnswered) return;
    this.#answers.push({ ...answer, ...(match && { match }) });
    this.#isAnswered = match === undefined;
  }

  /** Sets fields of the action. Lists grow; of other fields the feature further down the list decides. */
  action(fields: RouteAction): void {
    this.#update((branch) => ({ ...branch, action: mergeFields(branch.action, fields) }));
  }

  /** Changes the retries, and the timeouts of a single try, which Envoy keeps with them. */
  retry(fields: RetryPolicy): void {
    this.#update((branch) => ({
      ...branch,
      action: { ...branch.action, retry_policy: { ...(branch.action.retry_policy ?? defaultRetryPolicy), ...fields } },
    }));
  }

  /** Turns the filter of a feature on for the requests that go to the backend. */
  filter(name: string, config: AnyMessage): void {
    this.#update((branch) => mergeRoute(branch, { typed_per_filter_config: { [name]: config } }));
  }

  /** The same also for what `answer` gives, before or after this. */
  filterEverywhere(name: string, config: AnyMessage): void {
    this.#everywhere[name] = config;
  }

  /** Tells filters of the listeners something of the route, in the namespace of Sluice. */
  metadata(fields: JsonObject): void {
    this.#update((branch) => {
      const before = branch.route.metadata?.filter_metadata?.[metadataNamespace];
      const filter_metadata = { [metadataNamespace]: { ...before, ...fields } };
      return mergeRoute(branch, { metadata: { filter_metadata } });
    });
  }

  /** Takes away what the client says, before `requestHeaders` sets anything. */
  removeRequestHeaders(...names: readonly string[]): void {
    this.#update((branch) => mergeRoute(branch, { request_headers_to_remove: names }));
  }

  requestHeaders(...headers: readonly HeaderValueOption[]): void {
    this.#update((branch) => mergeRoute(branch, { request_headers_to_add: headers }));
  }

  /** Of the backend's answers only: for those of filters as well, a feature has a header mutation filter. */
  responseHeaders(...headers: readonly HeaderValueOption[]): void {
    this.#update((branch) => mergeRoute(branch, { response_headers_to_add: headers }));
  }

  /** Deals with the requests that `when` matches otherwise: `amend` sees a plan of them alone, which stands before the others. */
  fork(when: readonly HeaderMatcher[], amend: () => void): void {
    this.split([{ when: { headers: when }, amend }]);
  }

  /** The same for several conditions, of which the first that a request meets decides; one that asks for nothing is the last. */
  split(cases: readonly Case[]): void {
    const last = cases.findIndex(({ when }) => Object.keys(when).length === 0);
    const reached = last === -1 ? cases : cases.slice(0, last + 1);
    this.#branches = this.#branches.flatMap((branch) => [
      ...reached.flatMap(({ when, amend }) => this.#alone({ ...branch, when: both(branch.when, when) }, amend)),
      ...(last === -1 ? [branch] : []),
    ]);
  }

  /** For what depends on earlier forks: `amend` sees a plan of each branch alone, and the name of its cluster. */
  each(amend: (cluster: string | undefined) => void): void {
    this.#branches = this.#branches.flatMap((branch) => this.#alone(branch, () => amend(branch.action.cluster)));
  }

  /** Lets filters send requests to a cluster, by a header that clients cannot set: they go before all paths of the host. */
  ask(header: string, cluster: string): void {
    this.#asked.push({
      match: { prefix: '/', headers: [{ name: header, string_match: { exact: cluster } }] },
      route: { cluster, timeout: '0s' },
      request_headers_to_remove: [header],
    });
  }

  /** The routes of `ask`. */
  asked(headers: readonly HeaderMatcher[]): readonly EnvoyRoute[] {
    return this.#asked.map((route) => ({ ...route, match: mergeFields(route.match ?? {}, { headers }) }));
  }

  /** What is answered before requests go on. */
  answers(match: RouteMatch): readonly EnvoyRoute[] {
    const filters = Object.keys(this.#everywhere).length > 0 && { typed_per_filter_config: this.#everywhere };
    return this.#answers.map(({ match: own, ...answer }) => ({ ...answer, match: narrow(match, own), ...filters }));
  }

  /** @param base what the requests that go on get: `route` or `direct_response` */
  routes(match: RouteMatch, base: EnvoyRoute): readonly EnvoyRoute[] {
    const everywhere = Object.keys(this.#everywhere).length === 0 ? undefined : this.#everywhere;
    const early = this.answers(match);
    if (this.#isAnswered) return early;
    if (this.#branches === untouched && everywhere === undefined) return [...early, { ...base, match }];
    const late = this.#branches.map(({ when, route, action }): EnvoyRoute => {
      const filters = everywhere ? { ...everywhere, ...route.typed_per_filter_config } : route.typed_per_filter_config;
      return {
        ...base,
        ...route,
        match: narrowBy(match, when),
        ...(base.route && { route: mergeFields(base.route, action) }),
        ...(filters && { typed_per_filter_config: filters }),
      };
    });
    return [...early, ...late];
  }

  #alone(branch: Branch, amend: () => void): readonly Branch[] {
    this.#branches = [branch];
    amend();
    return this.#branches;
  }

  #update(change: (branch: Branch) => Branch): void {
    this.#branches = this.#branches.map(change);
  }
}

function narrowBy(match: RouteMatch, { headers, cookies, tls, share }: Condition): RouteMatch {
  if (headers === undefined && cookies === undefined && tls === undefined && share === undefined) return match;
  return mergeFields(match, {
    ...(headers && { headers }),
    ...(cookies && { cookies }),
    ...(tls && { tls_context: tls }),
    ...(share !== undefined && {
      runtime_fraction: { default_value: { numerator: share, denominator: 'MILLION' } },
    }),
  });
}

/** Envoy draws one number for a request, so that of two shares the second is one of the first. */
function both(first: Condition, second: Condition): Condition {
  const merged = mergeFields(first, second);
  if (first.share === undefined || second.share === undefined) return merged;
  return { ...merged, share: Math.round((first.share * second.share) / million) };
}

/** A path of its own takes the place of the one that the route has. */
function narrow({ headers = [], ...path }: RouteMatch, own: Partial<RouteMatch> | undefined): RouteMatch {
  if (own === undefined) return { ...path, headers };
  const hasPath = own.path !== undefined || own.prefix !== undefined || own.safe_regex !== undefined;
  return mergeFields(hasPath ? { headers } : { ...path, headers }, own);
}

function mergeRoute(branch: Branch, fields: Branch['route']): Branch {
  const filters = { ...branch.route.typed_per_filter_config, ...fields.typed_per_filter_config };
  const route = mergeFields(branch.route, fields);
  return {
    ...branch,
    route: Object.keys(filters).length === 0 ? route : { ...route, typed_per_filter_config: filters },
  };
}

function mergeFields<T extends object>(first: T, second: Partial<T>): T {
  const merged = new Map<string, unknown>(Object.entries(first));
  for (const [name, value] of Object.entries(second)) {
    const before = merged.get(name);
    merged.set(name, Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value);
  }
  // oxlint-disable-next-line no-unsafe-type-assertion -- field by field it is one of the two, or both lists
  return Object.fromEntries(merged) as T;
}

/**
 * What the listener says of the connection that a request came over: the id of the `ClientAuthentication` that the client was asked
 * for, and the subject of its certificate. A server name is no proof, since it says nothing of the filter chain that it led to.
 */
export const chainHeader = 'x-sluice-client-authentication';
export const subjectHeader = 'x-sluice-client-subject';

/** Text as it is in a place where Envoy takes `%` for the begin of a command. */
export function literal(text: string): string {
  return text.replaceAll('%', '%%');
}

/** A header that takes the place of any other of its name. `format` may hold Envoy's commands: `literal` keeps a user's text from being one. */
export function overwrite(key: string, format: string): HeaderValueOption {
  return { header: { key, value: format }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' };
}
