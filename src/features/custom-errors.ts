/** Another backend's pages in the place of errors, and its answers where a Service has no endpoints. */
import { backendName } from '../model/backend.ts';
import type { Backend } from '../model/backend.ts';
import { any } from '../proto/message.ts';
import type { AnyMessage, MessageTypes } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { keepRequestUri, requestUriFormat } from './request-uri.ts';
import { literal, overwrite } from './route-plan.ts';
import type { HeaderValueOption, RoutePlan } from './route-plan.ts';
import { boolean, integer, list, matching } from './value.ts';

type Matcher = MessageTypes['xds.type.matcher.v3.Matcher'];
type OnMatch = MessageTypes['xds.type.matcher.v3.Matcher.OnMatch'];

interface Policy {
  readonly codes: readonly number[];
  /** Of the same namespace; empty for the default backend of all. */
  readonly service: string;
  readonly onlyOwn: boolean;
}

const name = 'custom-errors';

/** Names the backend that a request for an error page goes to. Taken away from what clients send (forwarded-headers.ts). */
const errorHeader = 'x-sluice-error';

const statusCodes = list(integer(300, 599));
const serviceName = matching(/[a-z]([a-z0-9-]{0,61}[a-z0-9])?/, 'error-pages');

export const customErrors = defineFeature({
  name,
  isHarmless: true,
  settings: {
    codes: {
      annotation: 'custom-http-errors',
      configMap: 'custom-http-errors',
      parse: statusCodes,
      default: [],
      documentation: {
        value: 'status codes with commas between',
        default: 'none',
        nginx:
          'Answers with these codes, of the backend or of the proxy itself, are replaced by what the default backend says to `/`, with its code. It is told X-Code, X-Format, X-Original-URI, X-Namespace, X-Ingress-Name, X-Service-Name, X-Service-Port and X-Request-ID. Without a default backend the answer is 404',
        difference: 'The default backend is asked with GET and without a body, whatever the method was',
      },
    },
    service: {
      annotation: 'default-backend',
      parse: serviceName,
      default: '',
      documentation: {
        value: 'name of a Service of the same namespace',
        default: 'the default backend of all',
        nginx:
          'Its first port serves the requests of Services that have no endpoints (with X-Code: 503 and the other headers), and the pages of `custom-http-errors`',
      },
    },
    onlyOwn: {
      annotation: 'disable-proxy-intercept-errors',
      configMap: 'disable-proxy-intercept-errors',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        nginx: 'Leaves answers of backends alone: `custom-http-errors` is for errors of the proxy itself then',
      },
    },
  },

  policy({ codes, service, onlyOwn }): Policy | undefined {
    if (codes.length === 0 && service === '') return undefined;
    return { codes: [...new Set(codes)].toSorted((a, b) => a - b), service, onlyOwn };
  },

  spareService({ service }) {
    return service === '' ? undefined : service;
  },

  route({ codes, onlyOwn }, plan) {
    if (codes.length === 0) return;
    const backend = plan.spare ?? plan.host.defaultBackend;
    const map = Object.fromEntries(
      codes.map((code) => [
        String(code),
        { action: { name: 'page', typed_config: backend ? page(code, backend, plan) : noPage } },
      ]),
    );
    const byCode: Matcher = { matcher_tree: { input: statusCode, exact_match_map: { map } } };
    const ofOwn: Readonly<Record<string, OnMatch>> = { true: { matcher: byCode } };
    const custom_response_matcher = onlyOwn
      ? { matcher_tree: { input: isLocal, exact_match_map: { map: ofOwn } } }
      : byCode;
    keepRequestUri(plan);
    plan.filterEverywhere(name, any(message, { custom_response_matcher }));
    if (backend) plan.ask(errorHeader, backendName(backend));
  },

  filter() {
    return { config: any(message, {}) };
  },
});

const message = 'envoy.extensions.filters.http.custom_response.v3.CustomResponse';

const statusCode = {
  name: 'status code',
  typed_config: any('envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput', {}),
};

const isLocal = {
  name: 'is local',
  typed_config: any('envoy.type.matcher.v3.HttpResponseLocalReplyMatchInput', {}),
};

/** What ingress-nginx answers by itself when there is no default backend. */
const noPage: AnyMessage = any('envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy', {
  status_code: 404,
});

/** Sends the request once more, to the route that the header names. */
function page(code: number, backend: Backend, plan: RoutePlan): AnyMessage {
  return any('envoy.extensions.http.custom_response.redirect_policy.v3.RedirectPolicy', {
    redirect_action: { path_redirect: '/' },
    request_headers_to_add: [
      overwrite(errorHeader, literal(backendName(backend))),
      overwrite('x-original-uri', requestUriFormat),
      ...errorHeaders(code, plan),
    ],
  });
}

/** What a default backend is told of the request that it answers. */
export function errorHeaders(code: number, { route }: RoutePlan): readonly HeaderValueOption[] {
  const { action, origin } = route;
  const { service = '', port } = action.kind === 'backend' ? action.backend : { port: undefined };
  const portText = port?.kind === 'number' ? String(port.number) : port?.kind === 'name' ? port.name : '';
  return [
    overwrite('x-code', String(code)),
    overwrite('x-format', '%REQ(accept)%'),
    overwrite('x-namespace', literal(origin.object.namespace)),
    overwrite('x-ingress-name', literal(origin.object.name)),
    ...(service === ''
      ? []
      : [overwrite('x-service-name', literal(service)), overwrite('x-service-port', literal(portText))]),
  ];
}
