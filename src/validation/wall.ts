/**
 * What every resource has to pass before it may leave: the rules of Envoy's declarations, and what Envoy checks beyond them or
 * would have better checked (docs/validation.md). A resource is judged while it is encoded, so that nothing else is sent than
 * what was looked at.
 */
import { encodeMessage } from '../proto/encode.ts';
import type { MessageRule, MessageRules } from '../proto/encode.ts';
import { InvalidMessage } from '../proto/invalid-message.ts';
import type { MessageName, MessageTypes } from '../proto/message.ts';
import { ruleOfSocketAddress } from './address.ts';
import { ruleOfAssignment, ruleOfCluster, ruleOfLoneAssignment, ruleOfMaglev, ruleOfRing } from './cluster.ts';
import { removalFault, ruleOfHeader, ruleOfHeaderMatcher, ruleOfSetHeader } from './header.ts';
import {
  ruleOfChainMatch,
  ruleOfListener,
  ruleOfServerNames,
  ruleOfTlsParameters,
  ruleOfUpstreamTls,
} from './listener.ts';
import {
  ruleOfAction,
  ruleOfCookie,
  ruleOfDirectResponse,
  ruleOfFormatString,
  ruleOfHashHeader,
  ruleOfHits,
  ruleOfMatch,
  ruleOfMirror,
  ruleOfRedirect,
  ruleOfRegex,
  ruleOfRetry,
  ruleOfSubstitution,
  ruleOfWeight,
  ruleOfWeights,
} from './route.ts';
import { fieldsOf } from './rule.ts';
import { ruleOfTlsCertificate, ruleOfValidation } from './secret.ts';
import { ruleOfLoneVirtualHost, ruleOfRouteConfiguration, ruleOfVirtualHost } from './virtual-host.ts';

/** Of messages wherever they stand. */
const messages: MessageRules['messages'] = new Map<MessageName, MessageRule>([
  ['envoy.config.cluster.v3.Cluster', ruleOfCluster],
  ['envoy.config.cluster.v3.Cluster.MaglevLbConfig', ruleOfMaglev],
  ['envoy.config.cluster.v3.Cluster.RingHashLbConfig', ruleOfRing],
  ['envoy.config.core.v3.HeaderValue', ruleOfHeader],
  ['envoy.config.core.v3.HeaderValueOption', ruleOfSetHeader],
  ['envoy.config.core.v3.SocketAddress', ruleOfSocketAddress],
  ['envoy.config.core.v3.SubstitutionFormatString', ruleOfFormatString],
  ['envoy.config.endpoint.v3.ClusterLoadAssignment', ruleOfAssignment],
  ['envoy.config.listener.v3.FilterChainMatch', ruleOfChainMatch],
  ['envoy.config.listener.v3.Listener', ruleOfListener],
  ['envoy.config.route.v3.CookieMatcher', ruleOfCookie],
  ['envoy.config.route.v3.DirectResponseAction', ruleOfDirectResponse],
  ['envoy.config.route.v3.HeaderMatcher', ruleOfHeaderMatcher],
  ['envoy.config.route.v3.RateLimit.HitsAddend', ruleOfHits],
  ['envoy.config.route.v3.RedirectAction', ruleOfRedirect],
  ['envoy.config.route.v3.RetryPolicy', ruleOfRetry],
  ['envoy.config.route.v3.RouteAction', ruleOfAction],
  ['envoy.config.route.v3.RouteAction.HashPolicy.Cookie', ruleOfCookie],
  ['envoy.config.route.v3.RouteAction.HashPolicy.Header', ruleOfHashHeader],
  ['envoy.config.route.v3.RouteAction.RequestMirrorPolicy', ruleOfMirror],
  ['envoy.config.route.v3.RouteConfiguration', ruleOfRouteConfiguration],
  ['envoy.config.route.v3.RouteMatch', ruleOfMatch],
  ['envoy.config.route.v3.VirtualHost', ruleOfVirtualHost],
  ['envoy.config.route.v3.WeightedCluster', ruleOfWeights],
  ['envoy.config.route.v3.WeightedCluster.ClusterWeight', ruleOfWeight],
  ['envoy.extensions.load_balancing_policies.maglev.v3.Maglev', ruleOfMaglev],
  ['envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash', ruleOfRing],
  ['envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext', ruleOfValidation],
  ['envoy.extensions.transport_sockets.tls.v3.TlsCertificate', ruleOfTlsCertificate],
  ['envoy.extensions.transport_sockets.tls.v3.TlsParameters', ruleOfTlsParameters],
  ['envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', ruleOfUpstreamTls],
  ['envoy.type.matcher.v3.RegexMatchAndSubstitute', ruleOfSubstitution],
  ['envoy.type.matcher.v3.RegexMatcher', ruleOfRegex],
  ['xds.type.matcher.v3.RegexMatcher', ruleOfRegex],
  ['xds.type.matcher.v3.ServerNameMatcher', ruleOfServerNames],
]);

const removing = ['Route', 'RouteConfiguration', 'VirtualHost', 'WeightedCluster.ClusterWeight'].flatMap((message) =>
  ['request', 'response'].map((side) => `envoy.config.route.v3.${message}.${side}_headers_to_remove`),
);

const rules: MessageRules = { messages, fields: new Map(removing.map((field) => [field, removalFault])) };

/** Of resources as a whole. */
const rulesOfResources: ReadonlyMap<string, MessageRule> = new Map<MessageName, MessageRule>([
  ['envoy.config.endpoint.v3.ClusterLoadAssignment', ruleOfLoneAssignment],
  ['envoy.config.route.v3.VirtualHost', ruleOfLoneVirtualHost],
]);

/**
 * Encodes a resource that keeps to all rules.
 *
 * @throws InvalidMessage naming the field and the rule that it breaks
 */
export function encodeValid<N extends MessageName>(name: N, resource: MessageTypes[N]): Uint8Array {
  rulesOfResources.get(name)?.(fieldsOf(resource));
  return encodeMessage(name, resource, rules);
}

/** What is wrong with a resource; undefined when it may be sent. */
export function faultOf(name: MessageName, resource: unknown): InvalidMessage | undefined {
  try {
    rulesOfResources.get(name)?.(fieldsOf(resource));
    encodeMessage(name, resource, rules);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidMessage) return error;
    throw error;
  }
}
