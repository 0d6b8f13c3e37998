/**
 * The Lua script with which Envoys ask who may pass: it sends nginx's subrequest to an authentication service, and a password
 * to the verifier beside the Envoy. Envoy's own filter for this knows neither other methods than the client's, nor 2xx beside
 * 200, nor redirects to a sign-in page, nor that one of several checks may be enough.
 *
 * An error in a script lets the request pass in Envoy. So all that can fail is called by `pcall`, and answers 500.
 */

/** The cluster of the verifier, which stands in the bootstrap since every Envoy has its own. */
export const verifierCluster = 'verifier';

export const accessScript = String.raw`
local not_sent = {
  ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true, ["keep-alive"] = true,
  ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
  ["http2-settings"] = true, ["x-forwarded-proto"] = true, ["x-envoy-external-address"] = true,
  ["x-envoy-expected-rq-timeout-ms"] = true,
}

-- add_header of nginx, without "always", adds to answers of these only
local successes = {
  ["200"] = true, ["201"] = true, ["204"] = true, ["206"] = true, ["301"] = true, ["302"] = true, ["303"] = true,
  ["304"] = true, ["307"] = true, ["308"] = true,
}

local function escape(text)
  return (string.gsub(text, "[^%w%-%._~]", function(c) return string.format("%%%02X", string.byte(c)) end))
end

local digits = {}
for i = 1, 64 do
  digits[string.byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", i)] = i - 1
end

local function decode(text)
  local bytes, bits, count = {}, 0, 0
  for i = 1, #text do
    local digit = digits[string.byte(text, i)]
    if digit == nil then
      if string.find(text, "^=*$", i) then break end
      return nil
    end
    bits, count = bits * 64 + digit, count + 6
    if count >= 8 then
      count = count - 8
      local byte = math.floor(bits / 2 ^ count)
      bits = bits - byte * 2 ^ count
      bytes[#bytes + 1] = string.char(byte)
    end
  end
  return table.concat(bytes)
end

local function address_of(handle)
  local text = handle:streamInfo():downstreamRemoteAddress()
  return string.match(text, "^%[(.*)%]:%d+$") or string.match(text, "^(.*):%d+$") or text
end

-- Names with control characters are none: they would end a header line wherever the name is written.
local function credentials(headers)
  local encoded = string.match(headers:get("authorization") or "", "^[Bb][Aa][Ss][Ii][Cc] +(%S+)%s*$")
  local text = encoded and decode(encoded)
  if text == nil then return nil end
  local user, password = string.match(text, "^([^:]*):(.*)$")
  if user == nil or string.find(user, "%c") then return nil end
  return user, password
end

-- The value of the first "key=value" that has the key, without regard to case. Clients write the text, and it may be long:
-- no pattern here may start again at each character.
local function value_in(text, separator, wanted)
  local from = 1
  while from <= #text do
    local stop = string.find(text, separator, from, true) or #text + 1
    local pair = string.sub(text, from, stop - 1)
    local equals = string.find(pair, "=", 1, true)
    if equals then
      local key = string.match(string.sub(pair, 1, equals - 1), "^%s*(.*)$")
      if string.lower(key) == wanted then return string.sub(pair, equals + 1) end
    end
    from = stop + 1
  end
  return ""
end

local function variable(handle, name)
  local headers = handle:headers()
  local path = headers:get(":path") or ""
  local host = headers:get(":authority") or ""
  if name == "request_uri" then return path end
  if name == "escaped_request_uri" then return escape(path) end
  if name == "uri" then return (string.gsub(path, "%?.*$", "")) end
  if name == "args" or name == "query_string" then return string.match(path, "%?(.*)$") or "" end
  if name == "http_host" or name == "best_http_host" then return host end
  if name == "host" or name == "server_name" then return string.lower((string.gsub(host, ":%d+$", ""))) end
  if name == "scheme" or name == "pass_access_scheme" then return headers:get("x-forwarded-proto") or "http" end
  if name == "server_port" or name == "pass_server_port" then
    return headers:get("x-forwarded-proto") == "https" and "443" or "80"
  end
  if name == "request_method" then return headers:get(":method") end
  if name == "req_id" or name == "request_id" then return headers:get("x-request-id") or "" end
  if name == "remote_addr" then return address_of(handle) end
  if name == "remote_user" then return (credentials(headers)) or "" end
  local kind, rest = string.match(name, "^(%a+)_(.*)$")
  if kind == "http" then return headers:get((string.gsub(rest, "_", "-"))) or "" end
  if kind == "cookie" then return value_in(headers:get("cookie") or "", ";", rest) end
  if kind == "arg" then return value_in(string.match(path, "%?(.*)$") or "", "&", rest) end
  return ""
end

local function fill(handle, parts)
  local filled = {}
  for i, part in ipairs(parts) do filled[i] = i % 2 == 1 and part or variable(handle, part) end
  return table.concat(filled)
end

local function verify_password(handle, basic)
  local user, password = credentials(handle:headers())
  local hash = user and basic.users[user]
  local denied = { [":status"] = "401", ["www-authenticate"] = basic.challenge }
  if hash == nil then return denied end
  local answer = handle:httpCall("${verifierCluster}", {
    [":method"] = "POST", [":path"] = "/password", [":authority"] = "verifier", ["content-type"] = "text/plain",
  }, hash .. "\n" .. password, { ["timeout_ms"] = 10000 })
  local status = answer[":status"]
  if status == "204" then return nil end
  if status == "403" then return denied end
  return { [":status"] = "503" }
end

local function check_request(handle, external)
  local headers = handle:headers()
  local sent = {}
  for name, value in pairs(headers) do
    if string.sub(name, 1, 1) ~= ":" and not not_sent[name] then
      local before = sent[name]
      if before == nil then sent[name] = value
      elseif type(before) == "table" then before[#before + 1] = value
      else sent[name] = { before, value } end
    end
  end
  local address = address_of(handle)
  sent[":method"] = external.method or "GET"
  sent[":path"] = fill(handle, external.path)
  sent[":authority"] = external.authority
  sent[":scheme"] = external.scheme
  sent["x-original-url"] = fill(handle, { "", "scheme", "://", "http_host", "", "request_uri" })
  sent["x-original-method"] = headers:get(":method")
  sent["x-sent-from"] = "nginx-ingress-controller"
  sent["x-real-ip"] = address
  sent["x-forwarded-for"] = address
  sent["x-auth-request-redirect"] = fill(handle, external.redirect)
  if external.method then
    sent["x-original-uri"] = headers:get(":path")
    sent["x-scheme"] = variable(handle, "scheme")
  end
  for _, extra in ipairs(external.extra or {}) do
    local value = fill(handle, extra.value)
    sent[extra.name] = value ~= "" and value or nil
  end
  return sent
end

local cache, cached = {}, 0

local function ask(handle, external)
  local key = external.cache and external.cache.scope .. "\n" .. fill(handle, external.cache.key)
  local now = os.time()
  local known = key and cache[key]
  if known and known.expires > now then return known.answer end
  local sent = check_request(handle, external)
  local answer = handle:httpCall(external.cluster, sent, "", {
    ["timeout_ms"] = external.timeout, ["return_duplicate_headers"] = true, ["send_xff"] = false,
  })
  local seconds = key and (external.cache.seconds[answer[":status"]] or external.cache.seconds.any)
  if seconds then
    if cached >= 1000 then cache, cached = {}, 0 end
    if cache[key] == nil then cached = cached + 1 end
    cache[key] = { answer = answer, expires = now + seconds }
  end
  return answer
end

local function joined(value)
  return type(value) == "table" and table.concat(value, "\n") or value
end

local function ask_service(handle, context)
  local external = context.external
  local answer = ask(handle, external)
  local status = answer[":status"]
  local cookies = answer["set-cookie"]
  if string.match(status, "^2%d%d$") then
    context.told = answer
    if cookies then
      local metadata = handle:streamInfo():dynamicMetadata()
      metadata:set("access", "cookies", joined(cookies))
      metadata:set("access", "always", external.cookies == true)
    end
    return nil
  end
  if status == "401" then
    local always = (external.cookies or external.signin) and cookies or nil
    return { [":status"] = "401", ["www-authenticate"] = answer["www-authenticate"], ["set-cookie"] = always }
  end
  if status == "403" then
    return { [":status"] = "403", ["set-cookie"] = external.cookies and cookies or nil }
  end
  handle:logWarn("the authentication service " .. external.cluster .. " answered " .. tostring(status))
  return { [":status"] = "500" }
end

-- Each answers whether it has anything to check, and then the answer for whom it refuses.
local checks = {
  function(handle, context)
    if not context.ranges then return false end
    local rbac = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.rbac") or {}
    if rbac["source_range.shadow_engine_result"] == "allowed" then return true, nil end
    return true, { [":status"] = "403" }
  end,
  function(handle, context)
    if not context.basic then return false end
    return true, verify_password(handle, context.basic)
  end,
  function(handle, context)
    if not context.external then return false end
    return true, ask_service(handle, context)
  end,
}

-- As a table of our own, because those of Envoy end with the next call.
local function read_context(handle)
  local given, context = handle:filterContext(), {}
  for _, key in ipairs({ "any", "ranges", "forget", "basic", "external" }) do context[key] = given:get(key) end
  return context
end

-- nil for whoever may pass
local function denial(handle, context)
  local any = context.any
  local worst
  for _, check in ipairs(checks) do
    local asked, answer = check(handle, context)
    if asked and answer == nil and any then return nil end
    if answer ~= nil then
      local status = answer[":status"]
      if not any or (status ~= "401" and status ~= "403") then
        worst = answer
        break
      end
      if worst == nil or status == "401" then worst = answer end
    end
  end
  local external = context.external
  if worst and worst[":status"] == "401" and external and external.signin then
    return { [":status"] = "302", ["location"] = fill(handle, external.signin), ["set-cookie"] = worst["set-cookie"] }
  end
  return worst
end

-- Only the service says what is in its headers, also where it was not asked because another check was enough.
local function replace_headers(handle, names, told)
  local headers = handle:headers()
  for _, name in ipairs(names) do
    local value = told[name]
    headers:remove(name)
    if type(value) == "table" then
      for _, each in ipairs(value) do headers:add(name, each) end
    elseif value ~= nil and value ~= "" then
      headers:add(name, value)
    end
  end
end

local function decide(handle)
  local context = read_context(handle)
  local answer = denial(handle, context)
  if answer == nil and context.external then replace_headers(handle, context.external.headers, context.told or {}) end
  return answer
end

function envoy_on_request(handle)
  local ok, answer = pcall(decide, handle)
  if not ok then
    handle:logErr("access: " .. tostring(answer))
    answer = { [":status"] = "500" }
  end
  if answer ~= nil then
    handle:respond(answer, "")
  elseif handle:filterContext():get("forget") == true then
    handle:headers():remove("authorization")
  end
end

function envoy_on_response(handle)
  local kept = handle:streamInfo():dynamicMetadata():get("access")
  if kept == nil or kept["cookies"] == nil then return end
  if not kept["always"] and not successes[handle:headers():get(":status")] then return end
  for cookie in string.gmatch(kept["cookies"], "[^\n]+") do handle:headers():add("set-cookie", cookie) end
end
`;
