/** Sets cookies that Envoy's formats alone cannot: with a date, or only when the endpoint is another than that of the request's cookie. */
import { any } from '../proto/message.ts';
import type { AnyMessage } from '../proto/message.ts';
import { endpointKey, subsetNamespace } from './cluster-plan.ts';
import { defineFeature } from './feature.ts';
import { overwrite } from './route-plan.ts';
import type { HeaderValueOption } from './route-plan.ts';

const name = 'session-cookie';
const header = 'x-sluice-session';

/**
 * Turns our header, `VALUE SECONDS NAME REST`, into a cookie; it is there when a request has reached a backend. Seconds are
 * those until it expires, `-` for never. The same for all routes, so that Envoy compiles it once.
 */
const script = `
function envoy_on_response(handle)
  local headers = handle:headers()
  local text = headers:get("${header}")
  if text == nil then return end
  headers:remove("${header}")
  local value, seconds, name, rest = string.match(text, "^(%S+) (%S+) (%S+) (.*)$")
  if value == nil or value == "-" then return end
  local known = handle:streamInfo():dynamicMetadata():get("${subsetNamespace}")
  if known ~= nil and known["${endpointKey}"] == value then return end
  if seconds ~= "-" then
    rest = rest .. "; Expires=" .. os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + tonumber(seconds))
  end
  headers:add("set-cookie", name .. "=" .. value .. rest)
end
`;

export const sessionCookie = defineFeature({
  name,
  isHarmless: true,
  settings: {},

  policy() {
    return undefined;
  },

  filter() {
    return {
      config: any('envoy.extensions.filters.http.lua.v3.Lua', {
        source_codes: { [name]: { inline_string: script } },
      }),
    };
  },
});

export const sessionCookieFilter: AnyMessage = any('envoy.extensions.filters.http.lua.v3.LuaPerRoute', { name });

/** What the filter makes a cookie of. All are formats of Envoy; the value has no spaces. */
export function sessionCookieHeader(value: string, seconds: string, cookie: string, rest: string): HeaderValueOption {
  return overwrite(header, `${value} ${seconds === '' ? '-' : seconds} ${cookie} ${rest}`);
}
