/**
 * What backends are told of the client: X-Forwarded-*, X-Real-IP and their like, as ingress-nginx names and fills them.
 * What the client itself says there is not believed, unless the operator says that proxies in front speak the truth.
 */
import { chainHeader, subjectHeader } from '../features/route-plan.ts';
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import type { RouteConfigurationName } from './route-configuration.ts';

type HeaderValueOption = MessageTypes['envoy.config.core.v3.HeaderValueOption'];
type Extension = MessageTypes['envoy.config.core.v3.TypedExtensionConfig'];

/** Whoever reads them takes them for facts, so a client must not be able to write them. */
const claims = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-forwarded-scheme',
] as const;

/** Never believed, not even from a proxy in front: they are made anew from the others. */
const derived = ['x-real-ip', 'x-scheme'] as const;

/** What Envoy, and what we tell filters and routes; Envoy itself removes only those that it obeys. */
const own = ['x-envoy-', 'x-sluice-'].map((prefix) => ({ remove_on_match: { key_matcher: { prefix } } }));

const original = 'x-original-forwarded-for';

/**
 * Takes them away before Envoy looks at them; what X-Forwarded-For was stays visible under another name.
 *
 * @param askedFor id of what the clients of this filter chain are asked for, if they are
 */
export function forgetClaims(believes: boolean, askedFor?: string): Extension {
  const removed = [...[...derived, ...(believes ? [] : claims)].map((remove) => ({ remove })), ...own];
  const kept = { append: set(original, '%REQ(x-forwarded-for)%') };
  const said =
    askedFor === undefined ? [] : [set(chainHeader, askedFor), set(subjectHeader, '%DOWNSTREAM_PEER_SUBJECT%')];
  const mutations = [{ remove: original }, kept, ...removed, ...said.map((append) => ({ append }))];
  return {
    name: 'envoy.http.early_header_mutation.header_mutation',
    typed_config: any('envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation', { mutations }),
  };
}

/**
 * @param believes whether the host, port and scheme that a proxy in front names are kept
 */
export function forwardedHeaders(table: RouteConfigurationName, believes: boolean): readonly HeaderValueOption[] {
  const write = believes ? addIfAbsent : set;
  return [
    set('x-forwarded-for', client),
    set('x-real-ip', client),
    write('x-forwarded-host', '%REQ(:authority)%'),
    write('x-forwarded-port', table === 'https' ? '443' : '80'),
    write('x-forwarded-scheme', '%REQ(x-forwarded-proto)%'),
    set('x-scheme', '%REQ(x-forwarded-proto)%'),
  ];
}

/** The address that is taken for the client's; with trusted hops, that which they name. */
const client = '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%';

function set(key: string, value: string): HeaderValueOption {
  return { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' };
}

function addIfAbsent(key: string, value: string): HeaderValueOption {
  return { header: { key, value }, append_action: 'ADD_IF_ABSENT' };
}
