"""The Lua scripts of accounts: one that binds a key and chooses an account, and those that keep bindings and states true."""

from typing import Final

from mix2api.store.lua import FIRMLY, Script

CHOOSE: Final = Script(
    FIRMLY
    + """
local binding, states, turns = KEYS[1], KEYS[2], KEYS[3]
local binds, owned, claim, life, lease = ARGV[1] ~= '0', ARGV[1] == '2', ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function numeral(number) return string.format('%.0f', number) end

local function read(text)
  text = text or ''
  if text == '' then return text, 'valid', 0, false, nil end
  local status, probe, drained, weight = string.match(text, '^(%l+) (%d+) ([01]) (%S+) %d+ %d+ %d+ %S+$')
  return text, status or 'valid', tonumber(probe or 0), drained == '1', tonumber(weight)
end

local function is_open(status, probe)
  return status == 'valid' or (status ~= 'disabled' and probe <= now)
end

local function lend(id, text, status)
  if status == 'valid' then return end
  local rest = string.match(text, '^%l+ %d+( .*)$')
  redis.call('HSET', states, id, status .. ' ' .. numeral(now + lease) .. rest)
end

local function gives(reply)
  return {reply, unpack(mended)}
end

local bound, confirmed, fitness = false, false, false
if binds then
  local kept = redis.pcall('HMGET', binding, 'account', 'confirmed')
  if kept.err then clear(binding) else bound, confirmed = kept[1], kept[2] == '1' end
end
if owned and bound ~= ARGV[7] then binds, bound = false, false end
for at = 7, #ARGV, 4 do
  if ARGV[at] == bound then fitness = ARGV[at + 3] end
end

local why = bound and 'moved' or 'chosen'
if fitness == 'f' then
  local text, status, probe = read(firmly('HGET', states, bound))
  if is_open(status, probe) then
    lend(bound, text, status)
    redis.call('HSET', binding, 'used', numeral(now))
    if confirmed then redis.call('PEXPIRE', binding, life) end
    return gives({bound, 'bound', confirmed and 1 or 0, text})
  end
elseif fitness == 'b' or (fitness == 't' and confirmed) then
  why = 'lent'
end

local found, first, offered, known = {}, nil, {}, {}
for at = 7, #ARGV, 4 do offered[#offered + 1] = ARGV[at] end
if #offered > 0 then known = firmly('HMGET', states, unpack(offered)) end
for at = 7, #ARGV, 4 do
  if ARGV[at + 3] == 'f' then
    local text, status, probe, drained, weight = read(known[(at - 3) / 4])
    if is_open(status, probe) and (owned or not drained) then
      local priority = tonumber(ARGV[at + 2])
      if not first or priority < first then found, first = {}, priority end
      if priority == first then
        found[#found + 1] = {ARGV[at], weight or tonumber(ARGV[at + 1]), text, status}
      end
    end
  end
end

if #found == 0 then
  if bound and why == 'moved' then redis.call('DEL', binding) end
  local reply = {'', 'exhausted', 0, ''}
  for i, id in ipairs(offered) do
    reply[#reply + 1] = id
    reply[#reply + 1] = known[i] or ''
  end
  return gives(reply)
end

local ids, total, best = {}, 0, nil
for i, one in ipairs(found) do ids[i] = one[1] end
local current = firmly('HMGET', turns, unpack(ids))
for i, one in ipairs(found) do
  one.current = (tonumber(current[i] or 0) or 0) + one[2]
  total = total + one[2]
  if not best or one.current > best.current then best = one end
end
best.current = best.current - total
local written = {}
for _, one in ipairs(found) do
  written[#written + 1] = one[1]
  written[#written + 1] = numeral(one.current)
end
redis.call('HSET', turns, unpack(written))
redis.call('PEXPIRE', turns, 86400000)

lend(best[1], best[3], best[4])
if binds and why ~= 'lent' then
  redis.call('HSET', binding, 'account', best[1], 'confirmed', '0', 'platform', ARGV[5], 'model', ARGV[6],
    'created', numeral(now), 'used', numeral(now))
  redis.call('PEXPIRE', binding, claim)
end
return gives({best[1], why, 0, best[3]})
"""
)
"""KEYS: binding (without one: the states once more), states, turns. ARGV: 1 if there is a binding (2: the one account
that is offered has the call's session, and a binding to another one stays), ms of a claim, ms of a
confirmed binding, ms for which a half-open account is lent to one call, platform, model; then id, weight, priority and fitness
(`mix2api.accounts.port.Fitness`) of every account that the file allows.

Gives a list: account, why, 1 if the binding was confirmed, the account's state; behind it the keys that gave way. Without an
account, ids and states of all follow in the first list. A damaged state counts as none: the account is valid.
"""

CONFIRM: Final = Script(
    FIRMLY
    + """
local binding, life, account, platform, model = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
if firmly('HGET', binding, 'account') ~= account then redis.call('DEL', binding) end
redis.call('HSETNX', binding, 'created', now)
redis.call('HSET', binding, 'account', account, 'confirmed', '1', 'platform', platform, 'model', model, 'used', now)
redis.call('PEXPIRE', binding, life)
return {1, unpack(mended)}
"""
)
"""KEYS: binding. ARGV: ms of its life, account, platform, model."""

RELEASE: Final = Script("""
local kept = redis.pcall('HMGET', KEYS[1], 'account', 'confirmed')
if kept.err or kept[1] ~= ARGV[1] or kept[2] == '1' then return {0} end
return {redis.call('DEL', KEYS[1])}
""")
"""KEYS: binding. ARGV: account. Removes a claim on that account; a confirmed binding stays."""

JUDGE: Final = Script(
    FIRMLY
    + """
local text = firmly('HGET', KEYS[1], ARGV[1]) or ''
if text ~= ARGV[2] then return {text, unpack(mended)} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return {ARGV[3], unpack(mended)}
"""
)
"""KEYS: states. ARGV: account, its state as it was read, its state after some evidence. Gives the state that stands now."""
