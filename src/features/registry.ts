/**
 * All features. Their order is that of the checks within a request, as ingress-nginx makes them: what answers early stands
 * first, and the HTTP filters of the listeners are in this order, too.
 */
import type { AnyFeature } from './feature.ts';
import { access } from './access.ts';
import { appRoot } from './app-root.ts';
import { affinity } from './affinity.ts';
import { backendProtocol } from './backend-protocol.ts';
import { bodySize } from './body-size.ts';
import { brotli } from './brotli.ts';
import { blockedClients } from './blocked-clients.ts';
import { configurationSnippet } from './configuration-snippet.ts';
import { connections } from './connections.ts';
import { canary } from './canary.ts';
import { clientCertificate } from './client-certificate.ts';
import { clientCiphers } from './client-ciphers.ts';
import { cors } from './cors.ts';
import { customErrors } from './custom-errors.ts';
import { customHeaders } from './custom-headers.ts';
import { forwardedPrefix } from './forwarded-prefix.ts';
import { fromToWwwRedirect } from './from-to-www-redirect.ts';
import { gzip } from './gzip.ts';
import { headersForAll } from './headers-for-all.ts';
import { hsts } from './hsts.ts';
import { limitConnections } from './limit-connections.ts';
import { limitRate } from './limit-rate.ts';
import { mirror } from './mirror.ts';
import { needless } from './needless.ts';
import { loadBalance } from './load-balance.ts';
import { nextUpstream } from './next-upstream.ts';
import { proxyTimeouts } from './proxy-timeouts.ts';
import { rateLimit } from './rate-limit.ts';
import { rateLimitExemption } from './rate-limit-exemption.ts';
import { redirect } from './redirect.ts';
import { refusedSettings } from './refused.ts';
import { relativeRedirects } from './relative-redirects.ts';
import { requestBuffering } from './request-buffering.ts';
import { requestUri } from './request-uri.ts';
import { responseRewriting } from './response-rewriting.ts';
import { rewrite } from './rewrite.ts';
import { serverAlias } from './server-alias.ts';
import { serviceUpstream } from './service-upstream.ts';
import { sessionCookie } from './session-cookie.ts';
import { sessionEndpoint } from './session-endpoint.ts';
import { serverSnippet } from './server-snippet.ts';
import { snippetAccess } from './snippet-access.ts';
import { sourceRange } from './source-range.ts';
import { sslPassthrough } from './ssl-passthrough.ts';
import { tlsRedirect } from './tls-redirect.ts';
import { underscoreHeaders } from './underscore-headers.ts';
import { upstreamConnections } from './upstream-connections.ts';
import { upstreamHash } from './upstream-hash.ts';
import { upstreamVhost } from './upstream-vhost.ts';
import { upstreamTls } from './upstream-tls.ts';

export const features: readonly AnyFeature[] = [
  connections,
  headersForAll,
  brotli,
  gzip,
  hsts,
  sslPassthrough,
  clientCiphers,
  clientCertificate,
  blockedClients,
  requestUri,
  customErrors,
  bodySize,
  customHeaders,
  fromToWwwRedirect,
  serverAlias,
  appRoot,
  serverSnippet,
  relativeRedirects,
  cors,
  configurationSnippet,
  redirect,
  rewrite,
  tlsRedirect,
  rateLimitExemption,
  rateLimit,
  limitConnections,
  sourceRange,
  snippetAccess,
  access,
  requestBuffering,
  limitRate,
  mirror,
  forwardedPrefix,
  backendProtocol,
  proxyTimeouts,
  nextUpstream,
  upstreamVhost,
  serviceUpstream,
  loadBalance,
  canary,
  upstreamHash,
  affinity,
  sessionEndpoint,
  sessionCookie,
  upstreamConnections,
  responseRewriting,
  underscoreHeaders,
  needless,
  refusedSettings,
  upstreamTls,
];

const byName: ReadonlyMap<string, AnyFeature> = new Map(features.map((feature) => [feature.name, feature]));

export function featureNamed(name: string): AnyFeature | undefined {
  return byName.get(name);
}
