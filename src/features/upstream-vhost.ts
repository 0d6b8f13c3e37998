/** The host that backends are told. */
import { describePort } from '../model/backend.ts';
import { defineFeature, noValue } from './feature.ts';
import { literal } from './route-plan.ts';
import type { RoutePlan } from './route-plan.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

const variable = /\$(?:\{([a-z_]+)\}|([a-z_]+))/g;
const variables = new Set(['host', 'http_host', 'service_name', 'service_port', 'namespace', 'ingress_name']);
const example = 'write a host such as "shop.internal", with variables such as $service_name and $namespace if need be';

const vhost: Parse<string> = (text) => {
  const unknown = [...text.matchAll(variable)].find(([, braced, bare]) => !variables.has(braced ?? bare ?? ''));
  if (unknown !== undefined) return invalid(`has the variable ${unknown[0]}, which is not supported`, example);
  return /^[A-Za-z0-9._:[\]-]{1,255}$/.test(text.replaceAll(variable, 'x'))
    ? valid(text)
    : invalid('is no host', example);
};

export const upstreamVhost = defineFeature({
  name: 'upstream-vhost',
  settings: {
    vhost: {
      annotation: 'upstream-vhost',
      parse: vhost,
      default: '',
      documentation: {
        value: 'host, with variables',
        default: 'as the client has it',
        nginx: 'The Host header that backends see',
        differsFor: noValue,
        difference:
          'The variables are $service_name, $service_port, $namespace, $ingress_name, $host and $http_host; with others, the annotation is left out',
      },
    },
  },

  policy({ vhost: text }) {
    return text === '' ? undefined : { vhost: text };
  },

  route({ vhost: text }, plan) {
    if (plan.route.action.kind !== 'backend') return;
    const format = text.replaceAll(variable, (_, braced?: string, bare?: string) =>
      valueOf(braced ?? bare ?? '', plan),
    );
    if (format === '' || format === authority) return;
    plan.action(format.includes('%') ? { host_rewrite: format } : { host_rewrite_literal: format });
  },
});

const authority = '%REQ(:AUTHORITY)%';

/** As a part of one of Envoy's formats. */
function valueOf(name: string, { route }: RoutePlan): string {
  const backend = route.action.kind === 'backend' ? route.action.backend : undefined;
  switch (name) {
    case 'service_name':
      return literal(backend?.service ?? '');
    case 'service_port':
      return literal(backend === undefined ? '' : describePort(backend.port).replaceAll('"', ''));
    case 'namespace':
      return literal(route.origin.object.namespace);
    case 'ingress_name':
      return literal(route.origin.object.name);
    default:
      return authority;
  }
}
