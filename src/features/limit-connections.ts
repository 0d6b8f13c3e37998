/**
 * How many requests a client address may have open at the same time. Envoy has no filter that counts these, so a script does.
 * What it counts is in one Lua machine of each worker thread, which outlives changes of listeners and routes.
 */
import { objectKey } from '../model/object-ref.ts';
import { any } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { exemptionKey } from './rate-limit-exemption.ts';
import { statusOfRefusal } from './refusal-status.ts';
import type { RefusalStatus } from './refusal-status.ts';
import { integer } from './value.ts';

interface Policy {
  readonly most: number;
  readonly status: RefusalStatus;
}

const name = 'limit-connections';

export const limitConnections = defineFeature({
  name,
  isAccessCheck: true,
  settings: {
    most: {
      annotation: 'limit-connections',
      parse: integer(0, 1_000_000),
      default: 0,
      onInvalid: 'closed',
      documentation: {
        value: 'whole number; `0` for no limit',
        nginx:
          'Requests of one client address that are open at the same time, over all paths and hosts of the Ingress together; what is more is answered 503. Each request of an HTTP/2 connection counts',
        differsFor: /[1-9]/,
        difference:
          'Each worker thread of an Envoy counts what it serves, so several connections can have more together',
      },
    },
    status: {
      configMap: 'limit-conn-status-code',
      parse: statusOfRefusal,
      default: '503',
      documentation: {
        value: 'a status from 400 to 511 that has a name',
        nginx: 'Status of what is over `limit-connections`',
      },
    },
  },

  policy({ most, status }): Policy | undefined {
    return most === 0 ? undefined : { most, status };
  },

  route({ most, status }, plan) {
    const filter_context = { ingress: objectKey(plan.route.origin.object), most, status };
    plan.filter(name, any('envoy.extensions.filters.http.lua.v3.LuaPerRoute', { filter_context }));
  },

  filter() {
    return {
      config: any('envoy.extensions.filters.http.lua.v3.Lua', {
        default_source_code: { inline_string: script },
        shared_vm_id: name,
      }),
    };
  },
});

/**
 * A request has a ticket from its begin to the end of its answer. That of one which breaks off before is given back when
 * Lua finds that the request's coroutine is gone, which it is made to look for before anybody is refused, though at most
 * fifty times a second. A mistake in the script refuses the request: Envoy itself would let it pass.
 */
const script = `
local open = {}
local byId = setmetatable({}, { __mode = "v" })
local byCoroutine = setmetatable({}, { __mode = "k" })
local lastId, lastSearch = 0, 0

local function give_back(ticket)
  local key = ticket.key
  if key == nil then return end
  ticket.key = nil
  local rest = open[key] - 1
  open[key] = rest > 0 and rest or nil
end

local function is_full(handle, key, most)
  if (open[key] or 0) < most then return false end
  local now = handle:timestamp()
  if now - lastSearch > 20 then
    lastSearch = now
    collectgarbage()
    collectgarbage()
  end
  return (open[key] or 0) >= most
end

local function enter(handle)
  local info = handle:streamInfo()
  local checked = info:dynamicMetadata():get("envoy.filters.http.rbac")
  if checked and checked["${exemptionKey}"] == "allowed" then return true end
  local context = handle:filterContext()
  local address = info:downstreamRemoteAddress():gsub(":%d+$", "")
  local key = context:get("ingress") .. " " .. address
  if is_full(handle, key, context:get("most")) then return false end
  open[key] = (open[key] or 0) + 1
  lastId = lastId + 1
  local ticket = { key = key, watch = newproxy(true) }
  getmetatable(ticket.watch).__gc = function() give_back(ticket) end
  byId[lastId] = ticket
  byCoroutine[coroutine.running()] = ticket
  info:dynamicMetadata():set("${name}", "ticket", lastId)
  return true
end

function envoy_on_request(handle)
  local worked, may_pass = pcall(enter, handle)
  if worked and may_pass then return end
  handle:respond({ [":status"] = handle:filterContext():get("status") }, "")
end

function envoy_on_response(handle)
  local noted = handle:streamInfo():dynamicMetadata():get("${name}")
  local ticket = noted and byId[noted["ticket"]]
  if not ticket then return end
  for _ in handle:bodyChunks() do end
  give_back(ticket)
end
`;
