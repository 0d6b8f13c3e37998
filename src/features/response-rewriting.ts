/** Makes what backends say of themselves in redirects and cookies right for clients. */
import { any } from '../proto/message.ts';
import { defineFeature, noValue } from './feature.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

interface Replacement {
  readonly from: string;
  readonly to: string;
}

interface Policy {
  readonly location?: Replacement;
  readonly domain?: Replacement;
  readonly path?: Replacement;
}

const name = 'response-rewriting';
const printable = /^[ -~]{1,1000}$/;

/** `off`, or two texts with a space between; the second may be in quotes. */
const pair: Parse<string> = (text) => {
  if (text === 'off') return valid(text);
  const fix = 'write "off", or what is replaced and its replacement with a space between';
  const { from, to } = pairOf(text);
  if (from === '' || to === '' || !printable.test(text)) return invalid('is no pair of texts', fix);
  if (from.startsWith('~')) return invalid('has a regular expression, which is not supported', fix);
  return /\$/.test(text) ? invalid('has a variable, which is not supported', fix) : valid(text);
};

function pairOf(text: string): Replacement {
  const [, from = '', quoted, bare = ''] = /^(\S+)\s+(?:"([^"]*)"|(.*))$/.exec(text) ?? [];
  return { from, to: quoted ?? bare };
}

const address: Parse<string> = (text) => {
  const fix = 'write the begin of a URL, with $scheme, $host or $http_host';
  if (text.startsWith('~')) return invalid('is a regular expression, which is not supported', fix);
  if (!printable.test(text) || text.includes(' ')) return invalid('is no part of a URL', fix);
  const known = text.replaceAll(/\$(scheme|http_host|host)\b/g, '');
  return known.includes('$') ? invalid('has a variable that is not supported', fix) : valid(text);
};

const cookie = (attribute: string, how: string) => ({
  parse: pair,
  default: 'off',
  documentation: {
    value: '`off`, or two texts with a space between',
    nginx: `Replaces the ${attribute} of cookies that backends set, ${how}`,
    difference: 'Regular expressions and variables are reported and left out',
  },
});

export const responseRewriting = defineFeature({
  name,
  settings: {
    from: {
      annotation: 'proxy-redirect-from',
      configMap: 'proxy-redirect-from',
      parse: address,
      default: 'off',
      documentation: {
        value: '`off`, `default`, or the begin of a URL',
        nginx: 'How Location and Refresh of a backend have to begin to be changed',
        differsFor: noValue,
        difference:
          'Of variables there are $scheme, $host and $http_host; regular expressions are reported and left out. `default` changes nothing, as the name of an upstream in nginx.conf is never in an answer',
      },
    },
    to: {
      annotation: 'proxy-redirect-to',
      configMap: 'proxy-redirect-to',
      parse: address,
      default: 'off',
      documentation: { value: '`off`, or the begin of a URL', nginx: 'What they begin with instead' },
    },
    domain: {
      annotation: 'proxy-cookie-domain',
      configMap: 'proxy-cookie-domain',
      ...cookie('Domain', 'where it is the first text, without regard to case and a dot at its begin'),
    },
    path: {
      annotation: 'proxy-cookie-path',
      configMap: 'proxy-cookie-path',
      ...cookie('Path', 'where it begins with the first text, as far as that goes'),
    },
  },

  policy({ from, to, domain, path }): Policy | undefined {
    const policy = {
      ...(!isOff(from) && !isOff(to) && { location: { from, to } }),
      ...(domain !== 'off' && { domain: pairOf(domain) }),
      ...(path !== 'off' && { path: pairOf(path) }),
    };
    return Object.keys(policy).length === 0 ? undefined : policy;
  },

  route({ location, domain, path }, plan) {
    const filter_context = {
      ...(location && { location_from: location.from, location_to: location.to }),
      ...(domain && { domain_from: withoutDot(domain.from).toLowerCase(), domain_to: withoutDot(domain.to) }),
      ...(path && { path_from: path.from, path_to: path.to }),
    };
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

function isOff(text: string): boolean {
  return text === 'off' || text === 'default';
}

function withoutDot(domain: string): string {
  return domain.replace(/^\./, '');
}

const script = `
local function fill(handle, text)
  local noted = handle:streamInfo():dynamicMetadata():get("${name}") or {}
  return (text:gsub("%$([a-z_]+)", noted))
end

local function replace_begin(text, from, to)
  if text:sub(1, #from) ~= from then return nil end
  return to .. text:sub(#from + 1)
end

local function rewrite_location(handle, context)
  local from = fill(handle, context:get("location_from"))
  local to = fill(handle, context:get("location_to"))
  local headers = handle:headers()
  local location = headers:get("location")
  local changed = location and replace_begin(location, from, to)
  if changed then headers:replace("location", changed) end
  local refresh = headers:get("refresh")
  local first, last = (refresh or ""):lower():find("url=", 1, true)
  local target = first and replace_begin(refresh:sub(last + 1), from, to)
  if target then headers:replace("refresh", refresh:sub(1, last) .. target) end
end

local function rewrite_attribute(attribute, context)
  local before, key, rest = attribute:match("^(%s*)(%a+)%s*=%s*(.*)$")
  if not before then return attribute end
  -- Not "(.-)%s*$", which reads a long row of spaces again from each of them.
  local value = rest:match("^.*%S") or ""
  local kind = key:lower()
  local from = context:get(kind .. "_from")
  if kind == "path" and from then
    local changed = replace_begin(value, from, context:get("path_to"))
    if changed then return before .. key .. "=" .. changed end
  elseif kind == "domain" and from and value:gsub("^%.", ""):lower() == from then
    return before .. key .. "=" .. context:get("domain_to")
  end
  return attribute
end

local function rewrite_cookies(handle, context)
  local headers = handle:headers()
  local cookies = {}
  for index = 0, headers:getNumValues("set-cookie") - 1 do
    local parts, is_first = {}, true
    for part in (headers:getAtIndex("set-cookie", index) .. ";"):gmatch("([^;]*);") do
      parts[#parts + 1] = is_first and part or rewrite_attribute(part, context)
      is_first = false
    end
    cookies[#cookies + 1] = table.concat(parts, ";")
  end
  headers:remove("set-cookie")
  for _, each in ipairs(cookies) do headers:add("set-cookie", each) end
end

function envoy_on_request(handle)
  if not handle:filterContext():get("location_from") then return end
  local headers, metadata = handle:headers(), handle:streamInfo():dynamicMetadata()
  local authority = headers:get(":authority") or ""
  metadata:set("${name}", "http_host", authority)
  metadata:set("${name}", "host", (authority:gsub(":%d+$", "")))
  metadata:set("${name}", "scheme", headers:get("x-forwarded-proto") or "http")
end

function envoy_on_response(handle)
  local context = handle:filterContext()
  if context:get("location_from") then rewrite_location(handle, context) end
  if context:get("path_from") or context:get("domain_from") then rewrite_cookies(handle, context) end
end
`;
