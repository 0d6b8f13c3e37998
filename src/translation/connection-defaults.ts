/** What the ConfigMap asks of all connections, without what would be refused: a bad key costs what it asks for, and no listener. */
import type { AnyFeature } from '../features/feature.ts';
import { planConnections } from '../features/output.ts';
import { readDefaults } from '../features/policies.ts';
import type { Defaults, FeatureSettings } from '../features/policies.ts';
import { featureNamed } from '../features/registry.ts';
import { anyHost } from '../model/host.ts';
import type { Policies } from '../model/policy.ts';
import { translateHttpListener, translateHttpsListener } from '../translate/listener.ts';
import type { ListenAddress } from '../translate/listener.ts';
import { routeConfigurationNames, translateRouteConfiguration } from '../translate/route-configuration.ts';
import { faultOf } from '../validation/wall.ts';
import type { Refusal } from './host-isolation.ts';

export interface ConnectionDefaults {
  /** Closed where something is left out that may say who may pass. */
  readonly listen: ListenAddress;
  readonly policies: Policies;
  readonly refusals: readonly Refusal[];
}

export function connectionDefaults(listen: ListenAddress, { policies, settings }: Defaults): ConnectionDefaults {
  if (refusalOf(listen, policies) === undefined) return { listen, policies, refusals: [] };
  const all = Object.entries(policies.byFeature).map(([name, policy]) => {
    const error = refusalOf(listen, { byFeature: { [name]: policy } });
    return { name, policy, error, protects: error !== undefined && isProtective(featureNamed(name)) };
  });
  const good = all.filter(({ error }) => error === undefined);
  const refusals = all.flatMap(({ name, error, protects }): readonly Refusal[] => {
    if (error === undefined) return [];
    const origin = { object: settings.object, field: fieldOf(listen, settings, name) };
    const cost = protects ? 'Since it may say who may pass, all requests are answered with 503' : 'It does nothing';
    return [{ origin, error, cost }];
  });
  return {
    listen: all.some(({ protects }) => protects) ? { ...listen, isClosed: true } : listen,
    policies: { byFeature: Object.fromEntries(good.map(({ name, policy }) => [name, policy])) },
    refusals,
  };
}

/** Why something that is made of these policies cannot be sent. */
function refusalOf(listen: ListenAddress, policies: Policies): unknown {
  const hosts = new Map([[anyHost, { secrets: ['any'], clients: undefined }]]);
  try {
    const plan = planConnections(listen, policies);
    return (
      faultOf('envoy.config.listener.v3.Listener', translateHttpListener(listen, policies)) ??
      faultOf('envoy.config.listener.v3.Listener', translateHttpsListener(listen, hosts, policies)) ??
      routeConfigurationNames
        .map((name) => faultOf('envoy.config.route.v3.RouteConfiguration', translateRouteConfiguration(name, plan)))
        .find((fault) => fault !== undefined)
    );
  } catch (error) {
    return error;
  }
}

function isProtective(feature: AnyFeature | undefined): boolean {
  const settings = Object.values(feature?.settings ?? {});
  return settings.some(({ onInvalid }) => onInvalid === 'closed' || onInvalid === 'host closed');
}

/** The key without which the policy could be sent; all data where that is not one of them. */
function fieldOf(listen: ListenAddress, settings: FeatureSettings, name: string): string {
  const { configMap: data, object } = settings;
  const isRefused = (configMap: FeatureSettings['configMap']): boolean => {
    const policy = readDefaults({ ...settings, configMap }).policies.byFeature[name];
    return policy !== undefined && refusalOf(listen, { byFeature: { [name]: policy } }) !== undefined;
  };
  const owned = Object.values(featureNamed(name)?.settings ?? {}).flatMap(({ configMap }) => configMap ?? []);
  const written = owned.filter((key) => Object.hasOwn(data, key));
  // Without the objects that values name, the policy may be another, so that nothing follows from the keys.
  const culprits =
    written.length > 1 && isRefused(data)
      ? written.filter((left) => !isRefused(Object.fromEntries(Object.entries(data).filter(([key]) => key !== left))))
      : written;
  const [key] = culprits;
  const isOfConfigMap = object.kind === 'ConfigMap';
  if (key === undefined || culprits.length > 1) return isOfConfigMap ? 'data' : '';
  return isOfConfigMap ? `data[${key}]` : `--${key}`;
}
