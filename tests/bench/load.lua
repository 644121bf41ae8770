-- What wrk sends, by options of the form name=value (see _wrk.ts):
--   kind    beat, handshake, or fixed: the request that a file holds
--   file    lines of "<agent id> <session token>", or the fixed request
--   agents  how many of the lines are used
--   bad     percent of the beats that have a token that does not hold: garbage, or a JWT that somebody else signed
--   badKind garbage or forged
--   mix     percent of the requests that are handshakes instead of beats
--   close   1: a connection for each request
--   rate    requests a second, sent at their times whether or not others were answered; as many as possible otherwise
-- The last line of the output is JSON.

local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } moment; int clock_gettime(int clock, moment *now);")

local threads = {}
local options = {}
local lines = {}
local count, seq, owed, owedHandshakes = 0, 0, 0, 0
local now, nextAt = ffi.new("moment"), nil
local head, connection
local metrics = '{"load_1m":0.5,"memory_percent":41.5,"disk_percent":70,"cpu_percent":3.25,"uptime_seconds":12345}'
local client = '{"version":"0.1.0","hostname":"web-1","os":"linux","arch":"x86_64"}'
local secret
-- Of the tokens that do not hold, how many were sent; `done` asks each thread for it.
bad = 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  for _, arg in ipairs(args) do
    local name, value = arg:match("^(%w+)=(.*)$")
    options[name] = value
  end
  secret = options.secret
  connection = options.close == "1" and "Connection: close\r\n" or ""
  local file = assert(io.open(options.file, "rb"))
  if options.kind == "fixed" then
    lines[1] = file:read("*a")
  else
    for line in file:lines() do
      local id, token = line:match("^(%S+) (%S+)$")
      lines[#lines + 1] = { id = id, token = token }
      if #lines == tonumber(options.agents) then break end
    end
  end
  file:close()
  -- No run of this script sends a seq again that an earlier one sent.
  seq = os.time() * 1000000
  if options.rate then delay = untilItsTime end
end

local function post(path, headers, body)
  return "POST " .. path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port .. "\r\n" .. connection ..
    headers .. "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

local function handshake(agent)
  return post(wrk.path:gsub("heartbeat$", "handshake"), "", '{"agent_id":"' .. agent.id .. '","agent_secret":"' ..
    secret .. '","instance_id":"' .. agent.id .. '","client":' .. client .. "}")
end

local function wrongToken(token)
  if options.badKind == "forged" then return token:sub(1, -21) .. ("A"):rep(20) end
  return ("x"):rep(#token)
end

local function beat(agent)
  local token = agent.token
  owed = owed + tonumber(options.bad or 0)
  local isBad = owed >= 100
  if isBad then
    owed = owed - 100
    bad = bad + 1
    token = wrongToken(token)
  end
  seq = seq + 1
  if not isBad and agent.head then return agent.head .. string.format("%.0f", seq) .. "}" end
  local text = string.format("%.0f", seq)
  local whole = post(wrk.path, "Authorization: Bearer " .. token .. "\r\n",
    '{"status":"healthy","metrics":' .. metrics .. ',"instance_id":"' .. agent.id .. '","seq":' .. text .. "}")
  if not isBad then agent.head = whole:sub(1, -2 - #text) end
  return whole
end

function request()
  if options.kind == "fixed" then return lines[1] end
  count = count + 1
  -- By a stride, so that neighbors in the file are not neighbors in time.
  local agent = lines[count * 7919 % #lines + 1]
  owedHandshakes = owedHandshakes + tonumber(options.mix or 0)
  if options.kind == "handshake" then return handshake(agent) end
  if owedHandshakes >= 100 then
    owedHandshakes = owedHandshakes - 100
    return handshake(agent)
  end
  return beat(agent)
end

-- Milliseconds until the next request is due.
function untilItsTime()
  ffi.C.clock_gettime(1, now)
  local at = tonumber(now.s) * 1000 + tonumber(now.ns) / 1e6
  nextAt = (nextAt or at) + 1000 / tonumber(options.rate)
  return math.max(0, math.floor(nextAt - at))
end

function done(summary, latency)
  local sent = 0
  for _, thread in ipairs(threads) do sent = sent + thread:get("bad") end
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"microseconds":%d,"refused":%d,"bad":%d,"failed":%d,"p50":%.0f,"p99":%.0f,"p999":%.0f,"worst":%.0f}',
    summary.requests, summary.duration, errors.status, sent,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
