/** Lets the features write into Envoy's messages, each its own part, in the order of the list. */
import type { Backend } from '../model/backend.ts';
import type { Host, Route } from '../model/host.ts';
import { noPolicies } from '../model/policy.ts';
import type { Policies } from '../model/policy.ts';
import type { MessageTypes } from '../proto/message.ts';
import { emptyClusterPlan } from './cluster-plan.ts';
import type { ClusterPlan } from './cluster-plan.ts';
import { connectionPlan } from './connection-plan.ts';
import type { ConnectionFlags, ConnectionPlan } from './connection-plan.ts';
import type { ConnectionManager, Scheme } from './feature.ts';
import { backendOverTls } from './policies.ts';
import { featureNamed, features } from './registry.ts';
import { RoutePlan } from './route-plan.ts';
import type { HostFacts } from './route-plan.ts';

type EnvoyFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

export function planRoute(scheme: Scheme, host: HostFacts, route: Route, spare?: Backend): RoutePlan {
  const plan = new RoutePlan(scheme, host, route, backendOverTls, spare);
  const { byFeature } = route.policies;
  for (const name of Object.keys(byFeature)) {
    const feature = featureNamed(name);
    if (route.isEmpty === true && feature?.isAccessCheck === true) plan.answer({ direct_response: { status: 503 } });
    feature?.route?.(byFeature[name], plan);
  }
  const { byFeature: ofHost } = host.policies ?? noPolicies;
  for (const name of Object.keys(ofHost)) featureNamed(name)?.hostPath?.(ofHost[name], plan);
  return plan;
}

/** What answers before all paths of the host. */
export function planHost(scheme: Scheme, facts: HostFacts, { policies }: Host, route: Route): RoutePlan {
  const plan = new RoutePlan(scheme, facts, route, backendOverTls);
  const { byFeature } = policies;
  // They come from several Ingresses, in any order.
  for (const feature of Object.keys(byFeature).length === 0 ? [] : features) {
    const policy = byFeature[feature.name];
    if (policy !== undefined) feature.hostRoute?.(policy, plan, facts);
  }
  return plan;
}

export function planCluster(policies: Readonly<Record<string, unknown>>): ClusterPlan {
  const plan = emptyClusterPlan();
  for (const name of Object.keys(policies)) featureNamed(name)?.cluster?.(policies[name], plan);
  return plan;
}

/** @param defaults what goes for all Ingresses */
export function planConnections(flags: ConnectionFlags, { byFeature }: Policies): ConnectionPlan {
  const plan = connectionPlan(flags);
  for (const name of Object.keys(byFeature)) featureNamed(name)?.connections?.(byFeature[name], plan);
  return plan;
}

/**
 * All filters there are, also those that no route uses yet: with one that came later, the listener would change, and with it
 * every connection. What is off costs a request nothing but a look.
 */
export function httpFilters(scheme: Scheme, defaults: Policies): readonly EnvoyFilter[] {
  return features.flatMap((feature) => {
    const { name } = feature;
    const found = feature.filter?.(defaults.byFeature[name], scheme);
    return found === undefined ? [] : [{ name, typed_config: found.config, disabled: found.isOn !== true }];
  });
}

/** What the connection managers of the listeners have beyond filters. */
export function connectionManager({ byFeature }: Policies): ConnectionManager {
  const asked = features.flatMap((feature) => {
    const policy = byFeature[feature.name];
    return policy === undefined ? [] : (feature.connectionManager?.(policy) ?? []);
  });
  return {
    common_http_protocol_options: Object.assign({}, ...asked.map((each) => each.common_http_protocol_options)),
  };
}
