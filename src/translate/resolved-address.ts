/**
 * What a name outside of the cluster may resolve to. Who can write such a name can also say what it resolves to, and change it at any
 * time, so it is looked at where it is known: in the Envoy, for each request, when the address has been chosen. Filters of the cluster
 * hold for what goes there in any way: routes, copies of requests, and questions to authentication services.
 */
import { localNetworks } from '../model/local-network.ts';
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';

type Permission = MessageTypes['envoy.config.rbac.v3.Permission'];
type HttpFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

/** An IPv6 address may stand for an IPv4 address, which no name server has a reason to say. */
const mapped = [
  { address: '::ffff:0:0', bits: 96 },
  { address: '::', bits: 96 },
];

/** Before there is a connection. It needs the client's connection, and lets pass what an Envoy asks and copies by itself. */
const beforeConnecting: HttpFilter = {
  name: 'envoy.filters.http.upstream_rbac',
  typed_config: any('envoy.extensions.filters.http.rbac.v3.RBAC', {
    rules: {
      action: 'DENY',
      policies: {
        local: {
          permissions: [{ or_rules: { rules: [...localNetworks, ...mapped].map(isSentTo) } }],
          principals: [{ any: true }],
        },
      },
    },
  }),
};

function isSentTo({ address, bits }: (typeof localNetworks)[number]): Permission {
  const upstream_ip = { address_prefix: address, prefix_len: bits };
  return {
    matcher: {
      name: 'envoy.rbac.matchers.upstream_ip_port',
      typed_config: any('envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher', { upstream_ip }),
    },
  };
}

const addressHeader = 'x-sluice-upstream-address';

const tellAddress: HttpFilter = {
  name: 'upstream-address',
  typed_config: any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
    mutations: {
      request_mutations: [
        {
          append: {
            header: { key: addressHeader, value: '%UPSTREAM_HOST%' },
            append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
          },
        },
      ],
    },
  }),
};

/** The same networks as above, as Envoy writes their addresses; what is written otherwise is none of ours to reach. */
const beforeSending: HttpFilter = {
  name: 'resolved-address',
  typed_config: any('envoy.extensions.filters.http.lua.v3.Lua', {
    default_source_code: {
      inline_string: `local metadata = {
  ["100.100.100.200"] = true, ["168.63.129.16"] = true, ["192.0.0.192"] = true, ["fd00:ec2::254"] = true,
}

local function is_foreign(address)
  local host = string.match(address, "^%[(.*)%]:%d+$") or string.match(address, "^([%d.]+):%d+$")
  if host == nil or metadata[host] then return false end
  if string.find(host, ":", 1, true) then
    return not (string.find(host, "^::") or string.find(host, "^fe[89ab]%x:") or string.find(host, "^ff"))
  end
  local first, second = string.match(host, "^(%d+)%.(%d+)%.")
  first, second = tonumber(first), tonumber(second)
  if first == nil or first == 0 or first == 127 or first >= 224 then return false end
  return not (first == 169 and second == 254)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local address = headers:get("${addressHeader}") or ""
  headers:remove("${addressHeader}")
  if not is_foreign(address) then handle:respond({ [":status"] = "403" }, "") end
end
`,
    },
  }),
};

/** Answer 403 to requests that would go to the Envoy's own machine, its link, or the metadata service of its cloud. */
export const foreignAddressesOnly: readonly HttpFilter[] = [beforeConnecting, tellAddress, beforeSending];
