/** Sends a copy of each request to another server, whose answers nobody waits for. */
import { backendName } from '../model/backend.ts';
import type { Backend } from '../model/backend.ts';
import { any } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { nginxFormat } from './nginx-format.ts';
import { keepRequestUri, requestUriFormat } from './request-uri.ts';
import { overwrite } from './route-plan.ts';
import { invalid, matching, oneOf, valid } from './value.ts';
import type { Parse } from './value.ts';

interface Policy extends Target {
  readonly hostHeader: string;
}

/** What sets the clusters of copies apart. */
interface ClusterData {
  readonly isTls: boolean;
  readonly hasPath: boolean;
}

interface Target {
  readonly isTls: boolean;
  readonly host: string;
  readonly port: number;
  /** A format of Envoy; undefined for the path of the request. */
  readonly path: string | undefined;
}

const name = 'mirror';

/** `$request_uri` is what the client asked for, also after a rewriting. */
const target: Parse<Target | undefined> = (text) => {
  const fix = 'write a URL such as "https://test.example.com$request_uri", with variables in its path only';
  const [, scheme = '', host = '', port, path = ''] =
    /^(https?):\/\/([a-z0-9_.-]{1,253}|\[[0-9a-f:.]+\])(?::(\d{1,5}))?((?:[/?$][!-~]*)?)$/i.exec(text) ?? [];
  if (host === '') return invalid('is no URL of one host', fix);
  if (path.length > 2048) return invalid('is too long', fix);
  const isTls = scheme.toLowerCase() === 'https';
  const portNumber = port === undefined ? (isTls ? 443 : 80) : Number(port);
  if (portNumber < 1 || portNumber > 65_535) return invalid('has no port from 1 to 65535', fix);
  const uri = /\$(?:request_uri\b|\{request_uri\})/g;
  const pieces = path
    .replace(/^\/(?=\$(?:request_uri\b|\{request_uri\}))/, '')
    .split(uri)
    .map(nginxFormat);
  const bad = pieces.find((each) => each.kind === 'invalid');
  if (bad?.kind === 'invalid') return bad;
  const format = pieces.flatMap((each) => (each.kind === 'valid' ? [each.value] : [])).join(requestUriFormat);
  const isAbsolute = format.startsWith('/') || format.startsWith(requestUriFormat);
  return valid({
    isTls,
    host: host.toLowerCase().replaceAll(/[[\]]/g, ''),
    port: portNumber,
    path: format === '' ? undefined : isAbsolute ? format : `/${format}`,
  });
};

const onOrOff = oneOf(['on', 'off']);
const hostName = matching(/[a-z0-9_.-]{1,253}(:\d{1,5})?/i, 'test.example.com');

export const mirror = defineFeature({
  name,
  settings: {
    target: {
      annotation: 'mirror-target',
      parse: target,
      default: undefined,
      documentation: {
        value: 'URL, whose path may have variables such as `$request_uri`',
        default: 'unset',
        nginx: 'Sends a copy of every request there, and forgets the answer',
        difference:
          'Without a path in the URL, the copy goes to the path of the request. Variables of the host are not supported',
      },
    },
    host: {
      annotation: 'mirror-host',
      parse: hostName,
      default: '',
      documentation: { value: 'host', default: 'the host of `mirror-target`', nginx: 'The Host header of the copy' },
    },
    body: {
      annotation: 'mirror-request-body',
      parse: onOrOff,
      default: 'on',
      documentation: {
        value: '`on` or `off`',
        nginx: 'Whether the copy has the body of the request',
        differsFor: /off/i,
        difference: 'It always has',
      },
    },
  },

  policy({ target: asked, host }): Policy | undefined {
    return asked && { ...asked, hostHeader: host === '' ? asked.host : host };
  },

  upstreams(policy) {
    return [backendOf(policy)];
  },

  route(policy, plan) {
    const { path, hostHeader } = policy;
    if (path?.includes(requestUriFormat) === true) keepRequestUri(plan);
    plan.action({
      request_mirror_policies: [
        {
          cluster: backendName(backendOf(policy)),
          disable_shadow_host_suffix_append: true,
          host_rewrite_literal: hostHeader,
          ...(path !== undefined && { request_headers_mutations: [{ append: overwrite(pathHeader, path) }] }),
        },
      ],
    });
  },

  cluster({ isTls, hasPath }, plan) {
    if (isTls) plan.protocol = 'http1-tls';
    if (hasPath) plan.filters = [...plan.filters, pathFilter];
  },

  /** Only the clusters of copies have one. */
  backend(): ClusterData | undefined {
    return undefined;
  },
});

/** Routes cannot give copies another path, but a header, which becomes the path on the way to the endpoint. */
const pathHeader = 'x-sluice-mirror-path';

const pathFilter = {
  name: 'mirror-path',
  typed_config: any('envoy.extensions.filters.http.lua.v3.Lua', {
    default_source_code: {
      inline_string: `function envoy_on_request(handle)
  local headers = handle:headers()
  headers:replace(":path", headers:get("${pathHeader}"))
  headers:remove("${pathHeader}")
end`,
    },
  }),
};

function backendOf({ host, port, isTls, path }: Target): Backend {
  const hasPath = path !== undefined;
  const variant = `mirror${isTls ? '-tls' : ''}${hasPath ? '-path' : ''}`;
  const data: ClusterData = { isTls, hasPath };
  return {
    namespace: '',
    service: host,
    port: { kind: 'first' },
    external: { host, port },
    variant,
    policies: { [name]: data },
  };
}
