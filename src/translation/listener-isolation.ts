/** The listener for TLS that keeps to all rules: a host whose demands on clients would be refused costs no other host its listener. */
import type { Policies } from '../model/policy.ts';
import { InvalidMessage } from '../proto/invalid-message.ts';
import { translateHttpsListener } from '../translate/listener.ts';
import type { ListenAddress, ServedHost } from '../translate/listener.ts';
import { encodeValid, faultOf } from '../validation/wall.ts';

export interface EncodedListener {
  /** Undefined when there is no host to serve. */
  readonly body: Uint8Array | undefined;
  /** Hosts that are left out. */
  readonly left: readonly { readonly host: string; readonly error: InvalidMessage }[];
}

type Hosts = ReadonlyMap<string, ServedHost>;

/** @throws InvalidMessage when the listener would be refused whatever its hosts are */
export function encodeHttpsListener(listen: ListenAddress, hosts: Hosts, defaults: Policies): EncodedListener {
  const encode = (served: Hosts): Uint8Array | undefined => {
    const listener = translateHttpsListener(listen, served, defaults);
    return listener && encodeValid('envoy.config.listener.v3.Listener', listener);
  };
  try {
    return { body: encode(hosts), left: [] };
  } catch (error) {
    if (!(error instanceof InvalidMessage)) throw error;
  }
  const left: { readonly host: string; readonly error: InvalidMessage }[] = [];
  const errors = new Map<string, InvalidMessage | undefined>();
  const good = new Map<string, ServedHost>();
  for (const [host, served] of hosts) {
    const { clients, tls, cluster } = served;
    // What may be wrong with one of them, beside names that are checked elsewhere.
    const demands = JSON.stringify([clients?.id, tls, cluster]);
    if (!errors.has(demands)) {
      const alone = translateHttpsListener(listen, new Map([[host, served]]), defaults);
      errors.set(demands, faultOf('envoy.config.listener.v3.Listener', alone));
    }
    const error = errors.get(demands);
    if (error === undefined) good.set(host, served);
    else if (clients === undefined && tls === undefined && cluster === undefined) throw error;
    else left.push({ host, error });
  }
  return { body: encode(good), left };
}
