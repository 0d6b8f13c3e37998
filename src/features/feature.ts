/**
 * What a feature is: a file that owns settings (annotations and the ConfigMap keys behind them), says what they mean, and
 * writes that into Envoy's messages. Shared code never asks which feature it has; src/features/registry.ts lists them.
 */
import type { Backend } from '../model/backend.ts';
import type { AnyMessage, MessageTypes } from '../proto/message.ts';
import type { ConnectionPlan } from './connection-plan.ts';
import type { ClusterPlan } from './cluster-plan.ts';
import type { ObjectLookup } from './object-lookup.ts';
import type { HostFacts, RoutePlan } from './route-plan.ts';
import type { Parse } from './value.ts';

/** The two listeners, and the two route tables behind them. */
export type Scheme = 'http' | 'https';

/** A value that users write: of the annotation, else of the ConfigMap key, else the default. */
export interface Setting<T> {
  /** Without the prefix. Left out for what is set for all Ingresses only. */
  readonly annotation?: string;
  /** Other names of the annotation; the first that is there counts. */
  readonly aliases?: readonly string[];
  /** Key of the ConfigMap, and the name under which flags set it. Left out for what only an annotation sets. */
  readonly configMap?: string;
  readonly parse: Parse<T>;
  readonly default: T;
  /** Whether the value may have several lines. */
  readonly hasLines?: true;
  /**
   * What a bad value costs. `default`: it counts as not written. `no policy`: the feature does nothing. `closed`, of what
   * protects paths: they answer 503, since without it they would be open. `host closed`: the same, but the policy itself
   * closes the whole host.
   */
  readonly onInvalid?: 'default' | 'no policy' | 'closed' | 'host closed';
  readonly documentation: SettingDocumentation;
}

/** A row of docs/annotations.md. Sentences in Markdown, without a full stop at their end. */
export interface SettingDocumentation {
  /** What can be written, with its unit: `whole seconds`. */
  readonly value: string;
  /** The default, where the text of `default` does not say it. */
  readonly default?: string;
  /** What ingress-nginx does. */
  readonly nginx: string;
  /**
   * The values that `difference` is about; all when left out. Not those for which it is a problem of its Ingress, and none where it holds
   * without the annotation as well.
   */
  readonly differsFor?: RegExp;
  /** Where Sluice differs, and why; left out where it does not. */
  readonly difference?: string;
}

/** For `differsFor`: a difference that no value by itself brings about. */
export const noValue = /(?!)/;

// Values of settings differ in type; a feature sees the exact one.
export type Settings = Readonly<Record<string, Setting<unknown>>>;

export type ValuesOf<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends { readonly parse: Parse<infer T> } ? T : never;
};

/** Tells what is wrong with values that are good each by itself. */
export type Report<K> = (setting: K, message: string, fix: string, cost?: Cost) => void;

/** `host closed`: a policy of the host sees to it that all its paths are closed. */
export type Cost = NonNullable<Setting<unknown>['onInvalid']>;

/** A certificate that TLS clients are asked for; who has none is let in, and told apart by routes. */
export interface ClientAuthentication {
  /** Equal for equal content. */
  readonly id: string;
  /** Who may have signed it, in PEM. */
  readonly authorities: string;
  readonly depth: number;
}

/** How TLS is spoken with clients that name the host. */
export interface ClientTls {
  /** OpenSSL's names, up to TLS 1.2; empty for those of all hosts. */
  readonly ciphers: readonly string[];
  /** Whether the order of the client decides. */
  readonly prefersClient: boolean;
}

/** An HTTP filter of both listeners. */
export interface HttpFilter {
  /** For all requests. Without `isOn` it is off, until `RoutePlan.filter` gives a route a config of its own. */
  readonly config: AnyMessage;
  readonly isOn?: boolean;
}

/** Fields of the listeners' connection managers; messages in them are merged with what is there. */
export type ConnectionManager = Pick<
  MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'],
  'common_http_protocol_options'
>;

/** S are the settings, P what is asked for, D the part of it that makes a cluster of its own. */
export interface Feature<S extends Settings, P, D> {
  /** kebab-case; names the policy, and the HTTP filter if there is one. */
  readonly name: string;
  readonly settings: S;
  /**
   * What the values ask for, as plain data; undefined for nothing. A `report` counts like a bad value of that setting.
   * `objects` gives the Secrets and ConfigMaps that the values name.
   */
  policy(values: ValuesOf<S>, report: Report<keyof S>, objects: ObjectLookup): P | undefined;
  /** Whether a path of the Ingress is a regular expression, which makes all paths of its hosts such. */
  usesRegex?(policy: P, path: string): boolean;
  /** Names under which a host of the Ingress is there as well, as far as no Ingress has a rule for them; `HostFacts.aliasOf`. */
  aliases?(policy: P, host: string): readonly string[];
  /** What the route to a backend talks to beside it: each gets a cluster, which `cluster` may change. */
  upstreams?(policy: P, host: string, backend: Backend | undefined): readonly Backend[];
  /** Name of a Service of the same namespace that serves when the one of a path has no endpoints. */
  spareService?(policy: P): string | undefined;
  /** Writes into the routes of one path. Called in the order of the features. */
  route?(policy: P, plan: RoutePlan): void;
  /** Whether the Ingress serves nothing by itself, but gives the same paths of another a second backend. */
  isAttached?(policy: P): boolean;
  /** The policy of a path that has been given one: `attached` is that of the Ingress that gave it, `own` that of the path's. */
  attach?(attached: P, own: P | undefined): P;
  /** Of an Ingress that gives others a second backend, the policy goes for that backend; all others do nothing there. */
  readonly isOfBackend?: boolean;
  /** Whether the policy is for paths of rules only: a default backend without rules goes without it. */
  readonly isOfRules?: boolean;
  /** Whether the policy checks who may pass: a backend without endpoints answers 503 before that. */
  readonly isAccessCheck?: boolean;
  /** With `isAccessCheck`: whether the configured path is left out of the check. */
  isExempt?(policy: P, path: string): boolean;
  /** Whether the policy is one of the host: of its Ingresses the oldest that has it decides for all paths. */
  readonly isOfHost?: boolean;
  /** With `isOfHost`: whether paths would be open without it that should not be; where it cannot hold, those of its Ingress are closed. */
  mayProtect?(policy: P): boolean;
  /** With `isOfHost`: routes before all paths of the host, which `plan.answer` gives. */
  hostRoute?(policy: P, plan: RoutePlan, host: HostFacts): void;
  /** With `isOfHost`: writes into the routes of each path of the host, after their own policies. */
  hostPath?(policy: P, plan: RoutePlan): void;
  /** With `isOfHost`: what TLS clients that name the host are asked for. */
  clientAuthentication?(policy: P): ClientAuthentication | undefined;
  /** With `isOfHost`: how TLS is spoken with clients that name the host. */
  tls?(policy: P): ClientTls;
  /** With `isOfHost`: whether TLS connections of clients that name the host go to the backend of its root as they are. */
  isPassedThrough?(policy: P): boolean;
  /**
   * Whether the policy says no more than how requests are served: neither who may pass, nor what is limited, nor which hosts and paths
   * there are. A last good form of an Ingress that has another such policy may stand for a newer form that is faulty.
   */
  readonly isHarmless?: true;
  /** The part of the policy that the backends need a cluster of their own for: equal data share one. */
  backend?(policy: P): D | undefined;
  /** That part for requests that came over TLS, where it is another. */
  backendOverTls?(data: D): D | undefined;
  cluster?(data: D, plan: ClusterPlan): void;
  /** What goes for all connections; the policy is that of the ConfigMap. */
  connections?(policy: P, plan: ConnectionPlan): void;
  /** There from the start, since one that came later would change the listener. `policy` is that of the ConfigMap. */
  filter?(policy: P | undefined, scheme: Scheme): HttpFilter | undefined;
  /** What the ConfigMap asks of all requests before a route is known. A change of it costs the connections. */
  connectionManager?(policy: P): ConnectionManager;
}

export type AnyFeature = Feature<Settings, unknown, unknown>;

/** Checks the types of a feature, and hides them from the list. */
export function defineFeature<S extends Settings, P extends object, D extends object>(
  feature: Feature<S, P, D>,
): Feature<S, P, D> {
  return feature;
}
