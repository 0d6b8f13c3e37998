/** Who may pass: whom an authentication service lets, who has a password, and whether one of several checks is enough. */
import { objectNamed } from '../cluster/config-map-reference.ts';
import { backendName } from '../model/backend.ts';
import { any } from '../proto/message.ts';
import type { AnyMessage } from '../proto/message.ts';
import type { JsonObject } from '../proto/shape.ts';
import { accessScript } from './access-script.ts';
import { basicAuth, basicAuthSettings } from './basic-auth.ts';
import type { BasicAuth } from './basic-auth.ts';
import { headersFrom } from './auth-header.ts';
import { authBackend } from './auth-service.ts';
import type { AuthCluster } from './auth-service.ts';
import { externalAuth, externalAuthSettings } from './external-auth.ts';
import type { ExternalAuth } from './external-auth.ts';
import { defineFeature } from './feature.ts';
import type { Report } from './feature.ts';
import type { ObjectLookup } from './object-lookup.ts';
import { defaultTimeouts, proxyTimeouts } from './proxy-timeouts.ts';
import type { RoutePlan } from './route-plan.ts';
import { addressRules, sourceRange } from './source-range.ts';
import { oneOf } from './value.ts';

interface Policy {
  /** Whether one check that lets a request pass is enough. */
  readonly any: boolean;
  readonly basic?: BasicAuth;
  readonly external?: ExternalAuth;
  /** Beginnings of configured paths that need neither. */
  readonly exempt: readonly string[];
}

const name = 'access';

const settings = {
  ...externalAuthSettings,
  ...basicAuthSettings,
  satisfy: {
    annotation: 'satisfy',
    parse: oneOf(['all', 'any']),
    default: 'all',
    documentation: {
      value: '`all` or `any`',
      nginx:
        'Whether a request must pass all of the address lists, the password and the authentication service, or one',
    },
  },
} as const;

export const access = defineFeature({
  name,
  settings,
  isAccessCheck: true,
  isExempt,

  policy(values, report, objects): Policy | undefined {
    const basic = basicAuth(values, report, objects);
    const external = withHeaders(externalAuth(values), values.toldFrom, report, objects);
    if (basic === undefined && external === undefined) return undefined;
    return {
      any: values.satisfy === 'any',
      ...(basic && { basic }),
      ...(external && { external }),
      exempt: values.exempt,
    };
  },

  upstreams({ external }, host) {
    const backend = external && authBackend(name, external.service, host);
    return backend === undefined ? [] : [backend];
  },

  route(policy, plan) {
    if (isExempt(policy, plan.route.match.path)) return;
    const { basic, external } = policy;
    const asked = external && externalContext(external, plan);
    if (external !== undefined && asked === undefined) {
      // Nobody can be asked for a host that has no name.
      plan.answer({ direct_response: { status: 503 } });
      return;
    }
    const ranges = policy.any ? plan.policyOf(sourceRange) : undefined;
    if (ranges !== undefined) {
      const shadow = { shadow_rules: addressRules(ranges), shadow_rules_stat_prefix: 'source_range.' };
      plan.filter(sourceRange.name, any('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac: shadow }));
    }
    const context = {
      any: policy.any,
      ranges: ranges !== undefined,
      forget: basic !== undefined && external?.headers.includes('authorization') !== true,
      ...(basic && { basic: { challenge: `Basic realm="${basic.realm}"`, users: basic.users } }),
      ...(asked && { external: asked }),
    };
    plan.filter(name, perRoute(context));
  },

  cluster({ serverName }: AuthCluster, plan) {
    plan.protocol = 'http1-tls';
    plan.serverName = serverName;
  },

  filter() {
    return {
      config: any('envoy.extensions.filters.http.lua.v3.Lua', {
        source_codes: { [name]: { inline_string: accessScript } },
        stat_prefix: name,
        clear_route_cache: false,
      }),
    };
  },
});

function isExempt({ exempt }: Policy, path: string): boolean {
  return exempt.some((each) => path.startsWith(each));
}

/** Adds the headers of the ConfigMap that `auth-proxy-set-headers` names; without it, the service could let others pass. */
function withHeaders(
  external: ExternalAuth | undefined,
  from: string,
  report: Report<'toldFrom'>,
  objects: ObjectLookup,
): ExternalAuth | undefined {
  if (external === undefined || from === '') return external;
  const key = objectNamed(from, objects.namespace);
  const isOwn = key?.startsWith(`${objects.namespace}/`) === true || objects.allowsOtherNamespaces === true;
  const configMap = key === undefined || !isOwn ? undefined : objects.configMap(key);
  const headers = configMap && headersFrom(configMap);
  if (headers !== undefined && typeof headers !== 'string') {
    return { ...external, extra: [...headers, ...(external.extra ?? [])] };
  }
  report('toldFrom', headers ?? `there is no ConfigMap "${from}" in this namespace`, 'create it, or correct it');
  return undefined;
}

function perRoute(context: JsonObject): AnyMessage {
  return any('envoy.extensions.filters.http.lua.v3.LuaPerRoute', { name, filter_context: context });
}

/** As src/features/access-script.ts reads it. */
function externalContext(external: ExternalAuth, plan: RoutePlan): JsonObject | undefined {
  const { service, method, signIn, headers, redirect, alwaysSetsCookie, extra, cache } = external;
  const host = plan.host.aliasOf ?? plan.host.name;
  const backend = authBackend(name, service, host);
  if (backend === undefined) return undefined;
  const { read } = plan.policyOf(proxyTimeouts) ?? defaultTimeouts;
  const scope = `${host}${plan.route.match.kind}${plan.route.match.path}`;
  return {
    cluster: backendName(backend),
    authority: service.host ?? host,
    scheme: service.isTls ? 'https' : 'http',
    path: service.path,
    timeout: read * 1000,
    headers,
    redirect,
    cookies: alwaysSetsCookie,
    ...(method !== undefined && { method }),
    ...(extra && { extra: extra.map(({ name: header, value }) => ({ name: header, value })) }),
    ...(signIn && { signin: signIn }),
    ...(cache && { cache: { ...cache, scope } }),
  };
}
