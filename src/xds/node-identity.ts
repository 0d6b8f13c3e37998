/** Who a client says that it is. */
import type { MessageTypes } from '../proto/message.ts';

export type Node = MessageTypes['envoy.config.core.v3.Node'];

const identityLength = 256;

/**
 * Only what tells nodes apart, and of that as much as logs and metrics can show: Envoy lists every extension it was built with, and
 * anything may stand in the metadata.
 */
export function identityOf({ id = '', cluster = '', user_agent_name: agent = '' }: Node): Node {
  return { id: shown(id), cluster: shown(cluster), user_agent_name: shown(agent) };
}

function shown(text: string): string {
  return text.length > identityLength ? `${text.slice(0, identityLength)}…` : text;
}
