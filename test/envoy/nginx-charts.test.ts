/**
 * Ingresses as the Helm charts of known applications write them, or their documentation tells to: they are served as with
 * ingress-nginx, and nothing is said of them but what is expected.
 */
import { expect, it } from '@jest/globals';
import { configMap, secret } from '../support/objects.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { scene } from './features/scene.ts';
import type { SceneIngress, SceneRequest } from './features/scene.ts';

interface Chart {
  readonly name: string;
  readonly ingresses: readonly SceneIngress[];
  readonly asks: readonly (readonly [url: string, outcome: string, request?: SceneRequest])[];
  /** Annotations about which there is a problem. */
  readonly problems?: readonly string[];
}

const tls = (host: string) => [{ hosts: [host], secretName: 'gone' }];

const charts: readonly Chart[] = [
  {
    name: 'argo-cd, with TLS of its own',
    ingresses: [
      {
        hosts: { 'argocd.test': { '/': 'web:80' } },
        annotations: { 'ssl-passthrough': 'true', 'backend-protocol': 'HTTPS', 'force-ssl-redirect': 'true' },
        tls: tls('argocd.test'),
      },
    ],
    asks: [['argocd.test/login', '308 https://argocd.test/login']],
    problems: ['ssl-passthrough'],
  },
  {
    name: 'argo-cd, with an Ingress for gRPC',
    ingresses: [
      {
        hosts: { 'argo2.test': { '/': 'web:80' } },
        annotations: { 'backend-protocol': 'HTTP', 'force-ssl-redirect': 'true' },
      },
      { hosts: { 'grpc.argo2.test': { '/': 'web:80' } }, annotations: { 'backend-protocol': 'GRPC' } },
    ],
    asks: [['argo2.test/', '308 https://argo2.test']],
  },
  {
    name: 'grafana, below a path',
    ingresses: [
      {
        hosts: { 'grafana.test': { '~/grafana/?(.*)': 'web:80' } },
        annotations: { 'rewrite-target': '/$1', 'use-regex': 'true' },
      },
    ],
    asks: [
      ['grafana.test/grafana', 'web /'],
      ['grafana.test/grafana/d/x?orgId=1', 'web /d/x?orgId=1'],
    ],
  },
  {
    name: 'harbor',
    ingresses: [
      {
        hosts: {
          'harbor.test': { '/api/': 'api:80', '/service/': 'api:80', '/v2/': 'api:80', '/c/': 'api:80', '/': 'web:80' },
        },
        annotations: { 'ssl-redirect': 'true', 'proxy-body-size': '0' },
      },
    ],
    asks: [
      ['harbor.test/v2/', 'api /v2/'],
      [
        'harbor.test/v2/library/x/blobs/uploads/',
        'api /v2/library/x/blobs/uploads/',
        { method: 'POST', body: 'x'.repeat(1_200_000) },
      ],
      ['harbor.test/v2', '301 http://harbor.test/v2/'],
      ['harbor.test/harbor/projects', 'web /harbor/projects'],
    ],
  },
  {
    name: 'gitlab',
    ingresses: [
      {
        hosts: { 'gitlab.test': { '/': 'web:80' } },
        annotations: {
          'proxy-body-size': '512m',
          'proxy-read-timeout': '3600',
          'proxy-connect-timeout': '15',
          'service-upstream': 'false',
        },
      },
      {
        hosts: { 'registry.gitlab.test': { '/': 'api:80' } },
        annotations: {
          'proxy-body-size': '0',
          'proxy-read-timeout': '900',
          'proxy-request-buffering': 'off',
          'proxy-buffering': 'off',
        },
      },
    ],
    asks: [
      ['gitlab.test/users/sign_in', 'web /users/sign_in'],
      ['registry.gitlab.test/v2/', 'api /v2/'],
    ],
  },
  {
    name: 'keycloak, with its metrics closed',
    ingresses: [
      {
        hosts: { 'keycloak.test': { '/': 'web:80' } },
        annotations: {
          'proxy-buffer-size': '128k',
          affinity: 'cookie',
          'session-cookie-name': 'route',
          'session-cookie-max-age': '172800',
          'server-snippet': 'location ~* /auth/realms/[^/]+/metrics {\n    return 403;\n}\n',
        },
      },
    ],
    asks: [
      ['keycloak.test/auth/', 'web /auth/'],
      ['keycloak.test/auth/realms/master/metrics', '403'],
    ],
  },
  {
    name: 'nextcloud',
    ingresses: [
      {
        hosts: { 'nextcloud.test': { '/': 'web:80' } },
        annotations: {
          'proxy-body-size': '4G',
          'server-snippet': [
            'server_tokens off;',
            'proxy_hide_header X-Powered-By;',
            'rewrite ^/.well-known/webfinger /index.php/.well-known/webfinger last;',
            'rewrite ^/.well-known/host-meta /public.php?service=host-meta last;',
            'location = /.well-known/carddav {',
            '  return 301 $scheme://$host/remote.php/dav;',
            '}',
            'location = /robots.txt {',
            '  allow all;',
            '  log_not_found off;',
            '  access_log off;',
            '}',
            'location ~ ^/(?:build|tests|config|lib|3rdparty|templates|data)/ {',
            '  deny all;',
            '}',
            'location ~ ^/(?:autotest|occ|issue|indie|db_|console) {',
            '  deny all;',
            '}',
          ].join('\n'),
        },
      },
    ],
    asks: [
      ['nextcloud.test/index.php', 'web /index.php'],
      ['nextcloud.test/.well-known/carddav', '301 http://nextcloud.test/remote.php/dav'],
      ['nextcloud.test/config/config.php', '403'],
      ['nextcloud.test/console.php', '403'],
    ],
    // Paths that go on as others.
    problems: ['server-snippet', 'server-snippet'],
  },
  {
    name: 'jenkins, sonarqube and rancher',
    ingresses: [
      {
        hosts: { 'jenkins.test': { '/': 'web:80' } },
        annotations: { 'proxy-body-size': '50m', 'proxy-request-buffering': 'off', 'ssl-redirect': 'true' },
      },
      { hosts: { 'sonarqube.test': { '/': 'web:80' } }, annotations: { 'proxy-body-size': '64m' } },
      {
        hosts: { 'rancher.test': { '/': 'web:80' } },
        annotations: { 'proxy-connect-timeout': '30', 'proxy-read-timeout': '1800', 'proxy-send-timeout': '1800' },
      },
    ],
    asks: [
      ['jenkins.test/login', 'web /login'],
      ['sonarqube.test/', 'web /'],
      ['rancher.test/v3', 'web /v3'],
    ],
  },
  {
    name: 'oauth2-proxy, in front of an application of the same host',
    ingresses: [
      {
        hosts: { 'oauth.test': { '/': 'web:80' } },
        annotations: {
          'auth-url': 'http://auth.default.svc.cluster.local/oauth2/auth',
          'auth-signin': 'https://$host/oauth2/start?rd=$escaped_request_uri',
          'auth-response-headers': 'X-Auth-Request-User, X-Auth-Request-Email',
        },
      },
      { hosts: { 'oauth.test': { '/oauth2': 'auth:80' } } },
    ],
    asks: [
      ['oauth.test/app?a=b', '302 https://oauth.test/oauth2/start?rd=%2Fapp%3Fa%3Db'],
      ['oauth.test/app', 'web /app', { headers: { cookie: '_oauth2_proxy=good' } }],
      ['oauth.test/oauth2/auth', '401'],
    ],
  },
  {
    name: 'kube-prometheus-stack, with a password',
    ingresses: [
      {
        hosts: { 'prometheus.test': { '/': 'web:80' } },
        annotations: {
          'auth-type': 'basic',
          'auth-secret': 'monitoring-basic-auth',
          'auth-realm': 'Authentication Required',
        },
      },
    ],
    asks: [
      ['prometheus.test/graph', '401'],
      ['prometheus.test/graph', 'web /graph', { headers: { authorization: 'Basic dXNlcjpmb28=' } }],
    ],
  },
  {
    name: 'cert-manager, with its solver for HTTP-01',
    ingresses: [
      {
        created: '2024-01-01T00:00:00Z',
        hosts: { 'shop.test': { '/': 'web:80' } },
        tls: tls('shop.test'),
        annotations: { 'whitelist-source-range': '192.0.2.0/24' },
      },
      {
        created: '2024-01-02T00:00:00Z',
        hosts: { 'shop.test': { '~/.well-known/acme-challenge/tOkEn-1': 'api:80' } },
        annotations: { 'whitelist-source-range': '0.0.0.0/0,::/0' },
      },
    ],
    asks: [
      ['shop.test/.well-known/acme-challenge/tOkEn-1', 'api /.well-known/acme-challenge/tOkEn-1'],
      ['shop.test/.well-known/acme-challenge/other', '308 https://shop.test/.well-known/acme-challenge/other'],
      ['https://shop.test/', '403'],
    ],
  },
  {
    name: 'artifactory',
    ingresses: [
      {
        hosts: { 'repo.test': { '/': 'web:80' } },
        annotations: {
          'proxy-body-size': '0',
          'configuration-snippet':
            'proxy_pass_header   Server;\nproxy_set_header    X-JFrog-Override-Base-Url https://repo.test;\n',
        },
      },
    ],
    asks: [['repo.test/artifactory/x', 'web /artifactory/x']],
  },
  {
    name: 'kubernetes-dashboard and vault, which speak TLS themselves',
    ingresses: [
      {
        hosts: { 'dashboard.test': { '~/dashboard(/|$)(.*)': 'web:80' } },
        annotations: {
          'rewrite-target': '/$2',
          'configuration-snippet': 'rewrite ^(/dashboard)$ $1/ redirect;\n',
        },
      },
      { hosts: { 'vault.test': { '/': 'web:80' } }, annotations: { 'backend-protocol': 'https' } },
    ],
    asks: [
      ['dashboard.test/dashboard', '302 http://dashboard.test/dashboard/'],
      ['dashboard.test/dashboard/x', 'web /x'],
      ['vault.test/ui/', '502'],
    ],
  },
];

describeWithEnvoy('the Ingresses of', () => {
  const s = scene({
    backends: {
      web: {},
      api: {},
      auth: {
        handler: (request, response) =>
          response.writeHead(request.headers.cookie?.includes('good') === true ? 202 : 401).end('auth'),
      },
    },
    tlsNames: ['known.test'],
    hasDefaultCertificate: true,
    configMapNamed: 'settings',
  });
  let isApplied = false;

  async function apply(): Promise<void> {
    if (isApplied) return;
    isApplied = true;
    const all = charts.flatMap(({ ingresses }, index) =>
      ingresses.map((each, place): readonly [string, SceneIngress] => [`chart-${index}-${place}`, each]),
    );
    const known: SceneIngress = {
      hosts: { 'known.test': { '/': 'web:80' } },
      tls: [{ hosts: ['known.test'], secretName: 'tls' }],
    };
    await s.apply(
      Object.fromEntries([...all, ['known', known]]),
      configMap('settings', { 'allow-snippet-annotations': 'true' }),
      secret('monitoring-basic-auth', { auth: 'user:{SHA}C+7Hteo/D9vJXQ3UfzxbwnXaijM=' }),
    );
  }

  it.each(charts.map((chart, index) => [chart.name, chart, index] as const))('%s', async (_name, chart, index) => {
    await apply();
    const outcomes = [];
    for (const [url, , request] of chart.asks) outcomes.push([url, await s.outcome(url, request)]);
    expect(outcomes).toEqual(chart.asks.map(([url, outcome]) => [url, outcome]));
    const told = s.serving.translation
      .problems()
      .filter(({ object, reason }) => object.name.startsWith(`chart-${index}-`) && reason !== 'CertificateNotFound')
      .map(({ field, message }) => `${field.replace(/^.*\/([^\]]*)\]$/, '$1')}: ${message}`);
    expect(told).toEqual((chart.problems ?? []).map((name) => expect.stringContaining(`${name}: `)));
  });
});
