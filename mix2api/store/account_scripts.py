"""The Lua scripts of accounts: one that binds a key and chooses an account, and those that keep bindings and states true."""

from typing import Final

from mix2api.store.lua import FIRMLY, Script

CHOOSE: Final = Script(
    FIRMLY
    + """
local binding, states, turns, limits = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local binds, owned = ARGV[1] == '1' or ARGV[1] == '2', ARGV[1] == '2' or ARGV[1] == '3'
local claim, life, lease = ARGV[3], ARGV[4], tonumber(ARGV[5])
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

local function try(text)
  local at = text and select(2, string.find(text, '|' .. ARGV[9] .. ' ', 1, true))
  if not at then return true end
  local head, probe, rest = string.match(text, '^([01] limited )(%d+)( .*)$', at + 1)
  if not head then return true end
  if tonumber(probe) > now then return false end
  return true, string.sub(text, 1, at) .. head .. numeral(now + lease) .. rest
end

local function lend_model(id, lent)
  if lent then redis.call('HSET', limits, id, lent) end
end

local function gives(reply)
  return {reply, unpack(mended)}
end

local bound, confirmed, fitness = false, false, false
if binds then
  local kept = redis.pcall('HMGET', binding, 'account', 'confirmed')
  if kept.err then clear(binding) else bound, confirmed = kept[1], kept[2] == '1' end
end
local roster, apart = ARGV[8], ARGV[2]

local function unfit(id)
  if apart == '' then return nil end
  local _, at = string.find(apart, '|' .. id .. ' ', 1, true)
  return at and string.sub(apart, at + 1, at + 1)
end

if owned and (not bound or string.sub(roster, 1, #bound + 2) ~= '|' .. bound .. ' ') then
  binds, bound = false, false
end
if bound and string.find(roster, '|' .. bound .. ' ', 1, true) then fitness = unfit(bound) or 'f' end

local why = bound and 'moved' or 'chosen'
if fitness == 'f' then
  local text, status, probe = read(firmly('HGET', states, bound))
  if is_open(status, probe) then
    local limited = firmly('HGET', limits, bound)
    local is_free, lent = try(limited)
    if is_free then
      lend(bound, text, status)
      lend_model(bound, lent)
      redis.call('HSET', binding, 'used', numeral(now))
      if confirmed then redis.call('PEXPIRE', binding, life) end
      return gives({bound, 'bound', confirmed and 1 or 0, text, limited or ''})
    end
    why = 'model_limited'
  end
elseif fitness == 'b' or (fitness == 't' and confirmed) then
  why = 'lent'
end

local found, first, offered, known, filed, limited = {}, nil, {}, {}, {}, {}
for id, weight, priority in string.gmatch(roster, '|(%S+) (%d+) (%d+)') do
  offered[#offered + 1] = id
  filed[#offered] = {weight, priority}
end
if #offered > 0 then
  known = firmly('HMGET', states, unpack(offered))
  if redis.call('EXISTS', limits) == 1 then limited = firmly('HMGET', limits, unpack(offered)) end
end
for i, id in ipairs(offered) do
  local text, status, probe, drained, weight = read(known[i])
  local is_free, lent = try(limited[i])
  if is_open(status, probe) and is_free and (owned or not drained) and not unfit(id) then
    local priority = tonumber(filed[i][2])
    if not first or priority < first then found, first = {}, priority end
    if priority == first then
      found[#found + 1] = {id, weight or tonumber(filed[i][1]), text, status, limited[i] or '', lent}
    end
  end
end

if #found == 0 then
  if bound and why == 'moved' then redis.call('DEL', binding) end
  local reply = {'', 'exhausted', 0, ''}
  for i, id in ipairs(offered) do
    reply[#reply + 1] = id
    reply[#reply + 1] = known[i] or ''
    reply[#reply + 1] = limited[i] or ''
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
lend_model(best[1], best[6])
if binds and why ~= 'lent' then
  redis.call('HSET', binding, 'account', best[1], 'confirmed', '0', 'platform', ARGV[6], 'model', ARGV[7],
    'created', numeral(now), 'used', numeral(now))
  redis.call('PEXPIRE', binding, claim)
end
return gives({best[1], why, 0, best[3], best[5]})
"""
)
"""KEYS: binding (without one: the states once more), states, turns, limits of models. ARGV: 1 if there is a binding (2: the one
account that is offered has the call's session, and a binding to another one stays; 3: likewise, and there is no binding),
`|id word|…` of the accounts that this call may not use (`mix2api.accounts.port.Unfit`), ms of a claim, ms of a confirmed binding,
ms for which what is half-open is lent to one call, platform, model, the roster (`mix2api.accounts.port.Roster.packed`), and the
model as limits name it (`mix2api.accounts.model_limits.model_word`). A bound key costs the same however long the roster is.

Gives a list: account, why, 1 if the binding was confirmed, the account's state and limits; behind it the keys that gave way.
Without an account, ids, states and limits of all follow in the first list. A damaged state counts as none: the account is valid.
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
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
if ARGV[4] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
for i = 5, #ARGV, 3 do
  firmly('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'account', ARGV[1], 'model', ARGV[i],
    'before', ARGV[i + 1], 'after', ARGV[i + 2])
  redis.call('PEXPIRE', KEYS[2], 2592000000)
end
return {ARGV[3], unpack(mended)}
"""
)
"""KEYS: states or limits, changes. ARGV: account, its text as it was read, its text after some evidence (empty: nothing is
known any more), ms after which the whole key expires (0: never); for each change that operators read of: model (empty: the
account's own), state before and after. Gives the text that stands now. Changes are kept for 30 days after the last one, and
10,000 of them: a deployment of 200 accounts that each change ten times a day has them for five days.
"""
