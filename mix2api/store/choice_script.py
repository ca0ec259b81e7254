"""The Lua script that binds a key and chooses an account: the short way, the long way, and plans between them (ADR 120).

- A key with a valid account takes the short way. The script reads the binding, the roster and what is known of that account.
- A key without a binding takes it, too, while there is a plan. A plan is a list of the accounts that come next. The long way has
  made it: it chooses for its own call and for hundreds that come next, each exactly as if it were asked alone.
- All other calls take the long way, which reads what is known of all accounts of the roster.

A plan holds for one roster, and as long as nothing of the pool changes. `stamp` has the roster's digest and the length of
`changes`, to which each change of an account adds; `until` is the moment at which an account may come back by itself. `turns`
has the weights as they are after the last choice of the plan. If a plan ends before that, the choices that are left are taken
out of the weights again (`settle`). So the choices are those of smooth weights, whatever happens.

The short way uses neither `FIRMLY` nor its functions: what is damaged sends a call the long way.
"""

from typing import Final

from mix2api.store.lua import FIRMLY, Script

_SHORT: Final = """
local binding, states, turns, limits = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local changes, plan, order = KEYS[5], KEYS[6], KEYS[7]
local claim, life, model, digest = ARGV[3], ARGV[4], ARGV[9], ARGV[10]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp

local function known_of(id, is_unlimited)
  local text, limited = redis.pcall('HGET', states, id), not is_unlimited and redis.pcall('HGET', limits, id)
  if text and (type(text) ~= 'string' or string.sub(text, 1, 6) ~= 'valid ') then return end
  if limited and (type(limited) ~= 'string' or string.find(limited, '|' .. model .. ' ', 1, true)) then return end
  return text or '', limited or ''
end

local function planned()
  local length = redis.pcall('XLEN', changes)
  if type(length) ~= 'number' then return end
  stamp = digest .. ' ' .. length
  local said = redis.pcall('HMGET', plan, 'stamp', 'until', 'limited')
  if said[1] ~= stamp or (tonumber(said[2]) or 0) <= now or not said[3] then return end
  if said[3] ~= '||' and string.find(said[3], '|' .. model .. '|', 1, true) then return end
  local entry = redis.pcall('RPOP', order)
  if type(entry) ~= 'string' then return end
  local id, of = string.match(entry, '^(%S+) (%x+)$')
  if of ~= string.sub(digest, 1, 8) then return end
  local text, limited = known_of(id, said[3] == '||')
  if not text or (text ~= '' and not string.find(text, '^valid %d+ 0 ')) then
    redis.call('RPUSH', order, entry)
    return
  end
  return id, text, limited
end

local function bind(id)
  redis.call('HSET', binding, 'account', id, 'confirmed', '0', 'platform', ARGV[6], 'model', ARGV[7],
    'created', now, 'used', now)
  redis.call('PEXPIRE', binding, claim)
end

local function brief(id, why, confirmed, text, limited)
  if limited ~= '' then return {{id, why, confirmed, text, limited}} end
  if text == '' then return why .. ' ' .. confirmed .. ' ' .. id end
  return why .. ' ' .. confirmed .. ' ' .. id .. ' ' .. text
end

local is_plain, is_planless = digest ~= '' and ARGV[2] == '', false
if is_plain and ARGV[8] == '' and (ARGV[1] == '0' or ARGV[1] == '1') then
  local kept = ARGV[1] == '1' and redis.pcall('HMGET', binding, 'account', 'confirmed') or {}
  local bound = kept[1]
  if bound then
    local is_listed, text, limited = redis.pcall('HEXISTS', KEYS[8], bound), known_of(bound)
    if text and is_listed == 1 then
      redis.call('HSET', binding, 'used', now)
      if kept[2] == '1' then redis.call('PEXPIRE', binding, life) end
      return brief(bound, 'bound', kept[2] == '1' and 1 or 0, text, limited)
    end
  elseif not kept.err then
    local id, text, limited = planned()
    if id then
      if ARGV[1] == '1' then bind(id) end
      return brief(id, 'chosen', 0, text, limited)
    end
    is_planless = true
  end
end
"""
"""What nearly every call meets: a bound account that is valid, or a plan that says who is next. No damage is mended here: whatever is
odd goes the long way."""

_KNOWN: Final = """
local binds, owned = ARGV[1] == '1' or ARGV[1] == '2', ARGV[1] == '2' or ARGV[1] == '3'
local lease = tonumber(ARGV[5])

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
  local at = text and select(2, string.find(text, '|' .. model .. ' ', 1, true))
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
"""
"""Reading and lending what is known of accounts."""

_BOUND: Final = """
local roster = ARGV[8]
if roster == '' then
  roster = firmly('HGET', KEYS[8], '|')
  if not roster or redis.sha1hex(roster) ~= digest then return gives({'', 'unknown'}) end
elseif digest ~= '' then
  local fields = {'|', roster}
  for id in string.gmatch(roster, '|(%S+) ') do
    fields[#fields + 1] = id
    fields[#fields + 1] = ''
  end
  redis.call('DEL', KEYS[8])
  redis.call('HSET', KEYS[8], unpack(fields))
end
if digest ~= '' then redis.call('PEXPIRE', KEYS[8], 86400000) end

local bound, confirmed, fitness = false, false, false
if binds then
  local kept = redis.pcall('HMGET', binding, 'account', 'confirmed')
  if kept.err then clear(binding) else bound, confirmed = kept[1], kept[2] == '1' end
end
local apart = ARGV[2]

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

if is_plain and not is_planless then
  local id, text, limited = planned()
  if id then
    if binds and why ~= 'lent' then bind(id) end
    return gives({id, why, 0, text, limited})
  end
end
"""
"""The roster, and the account to which the key is bound."""

_FOUND: Final = """
local found, first, offered, known, filed, limited = {}, nil, {}, {}, {}, {}
local until_ms, words = 9e15, {}
for id, weight, priority in string.gmatch(roster, '|(%S+) (%d+) (%d+)') do
  offered[#offered + 1] = id
  filed[#offered] = {weight, priority}
end
if #offered > 0 then
  if redis.call('EXISTS', states) == 1 then known = firmly('HMGET', states, unpack(offered)) end
  if redis.call('EXISTS', limits) == 1 then limited = firmly('HMGET', limits, unpack(offered)) end
end
for i, id in ipairs(offered) do
  local text, status, probe, drained, weight = read(known[i])
  local is_free, lent = try(limited[i])
  if limited[i] then
    for word in string.gmatch(limited[i], '|([^| ]+) ') do words[word] = true end
  end
  if not is_open(status, probe) and status ~= 'disabled' and probe < until_ms then until_ms = probe end
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
"""
"""The accounts that could be chosen: `found`, each as id, weight, state, status, limits, limits once lent."""

_PLAN: Final = """
local function with_owed(ids, owed)
  local more = {}
  for _, id in ipairs(ids) do more[id] = true end
  for id in pairs(owed) do
    if not more[id] then ids[#ids + 1] = id end
  end
  local current = firmly('HMGET', turns, unpack(ids))
  for i, id in ipairs(ids) do current[i] = (tonumber(current[i] or 0) or 0) + (owed[id] or 0) end
  return current
end

local function write_turns(ids, current)
  local written = {}
  for i, id in ipairs(ids) do
    written[#written + 1] = id
    written[#written + 1] = current[i]
  end
  redis.call('HSET', turns, unpack(written))
  redis.call('PEXPIRE', turns, 86400000)
end

local function settle()
  local said, owed = firmly('HMGET', plan, 'fit', 'last'), {}
  if not said[1] then return said[2], owed end
  local left = firmly('LRANGE', order, 0, -1)
  redis.call('DEL', plan, order)
  local counts, weights, total, rest = {}, {}, 0, 0
  for _, entry in ipairs(left) do
    local id = string.match(entry, '^%S+')
    if id then counts[id] = (counts[id] or 0) + 1 end
  end
  if not next(counts) then return said[2], owed end
  for id, weight in string.gmatch(said[1], '|(%S+) (%d+)') do
    weights[id] = tonumber(weight)
    total, rest = total + weight, rest + (counts[id] or 0)
  end
  for id, weight in pairs(weights) do owed[id] = total * (counts[id] or 0) - rest * weight end
  return said[2], owed
end

local function precedes(one, other)
  return one.current > other.current or (one.current == other.current and one.place < other.place)
end

local function make_plan(total)
  local kinds, of_weight, fit, entries = {}, {}, {}, {}
  for i, one in ipairs(found) do
    one.place = i
    fit[i] = one[1] .. ' ' .. numeral(one[2])
    local kind = of_weight[one[2]]
    if not kind then
      kind = {}
      kinds[#kinds + 1], of_weight[one[2]] = kind, kind
    end
    kind[#kind + 1] = one
  end
  for _, kind in ipairs(kinds) do
    table.sort(kind, precedes)
    kind.first, kind.last = 1, #kind
  end
  local mark = ' ' .. string.sub(digest, 1, 8)
  local steps = math.min(math.max(64, math.min(4 * #found, 800), #found), math.floor(4000 / #kinds))
  for step = 1, steps do
    local best, high, of
    for _, kind in ipairs(kinds) do
      local one = kind[kind.first]
      local current = one.current + one[2] * step
      if not best or current > high or (current == high and one.place < best.place) then
        best, high, of = one, current, kind
      end
    end
    entries[steps + 1 - step] = best[1] .. mark
    best.current = best.current - total
    of.first, of.last = of.first + 1, of.last + 1
    local at = of.last
    while at > of.first and precedes(best, of[at - 1]) do
      of[at] = of[at - 1]
      at = at - 1
    end
    of[at] = best
  end
  for _, one in ipairs(found) do one.current = one.current + one[2] * steps end
  local names = {}
  for word in pairs(words) do names[#names + 1] = word end
  table.sort(names)
  redis.call('DEL', order)
  redis.call('RPUSH', order, unpack(entries))
  redis.call('PEXPIRE', order, 86400000)
  redis.call('HSET', plan, 'stamp', stamp, 'until', until_ms, 'limited', '|' .. table.concat(names, '|') .. '|',
    'fit', '|' .. table.concat(fit, '|') .. '|')
end
"""
"""Turns, and plans of the choices that come next.

`settle` ends a plan. It gives what `turns` owes each account: what the choices that are left have added to its weight and taken
from it. `make_plan` keeps the accounts of each weight in the order of their current weights. All of a weight rise alike, so only the
first of each can be next, and a choice looks at one account for each weight. A plan has four choices for each account: the long
way before it takes longer than the plan itself. 64 at least, so that small pools do without the long way, too; some 800 at
most, and 4,000 looks in all: the server is held for a millisecond.
"""

_CHOICE: Final = """
local best = found[1]
if not owned then
  local is_plannable, ids, total = is_plain and not words[model], {}, 0
  local last, owed = settle()
  for i, one in ipairs(found) do
    ids[i] = one[1]
    if one[4] ~= 'valid' then is_plannable = false end
  end
  local current = with_owed(ids, owed)
  for i, one in ipairs(found) do
    one.current = current[i] + one[2]
    total = total + one[2]
    if one.current > best.current then best = one end
  end
  best.current = best.current - total
  stamp = digest .. ' ' .. firmly('XLEN', changes)
  local steady = last == stamp or last == stamp .. ' again'
  if is_plannable and last == stamp .. ' again' then make_plan(total) end
  for i, one in ipairs(found) do current[i] = one.current end
  write_turns(ids, current)
  firmly('HSET', plan, 'last', is_plannable and (steady and stamp .. ' again' or stamp) or '-')
  redis.call('PEXPIRE', plan, 86400000)
end

lend(best[1], best[3], best[4])
lend_model(best[1], best[6])
if binds and why ~= 'lent' then bind(best[1]) end
return gives({best[1], why, 0, best[3], best[5]})
"""
"""The choice."""

CHOOSE: Final = Script(_SHORT + FIRMLY + _KNOWN + _BOUND + _FOUND + _PLAN + _CHOICE)
"""KEYS: binding (without one: the states once more), states, turns, limits of models, changes, plan, order of the plan, roster (of
a roster without a digest: the states once more). ARGV: 1 if there is a binding (2: the one account that is offered has the call's
session, and a binding to another one stays; 3: likewise, and there is no binding), `|id word|…` of the accounts that this call may
not use (`mix2api.accounts.port.Unfit`), ms of a claim, ms of a confirmed binding, ms for which what is half-open is lent to one
call, platform, model, the roster (`mix2api.accounts.port.Roster.packed`; empty if Redis has it), the model as limits name it
(`mix2api.accounts.model_limits.model_word`), and the roster's digest (empty: the roster is this call's alone, and is not kept).

Gives a list: account, why, 1 if the binding was confirmed, the account's state and limits; behind it the keys that gave way.
Without an account, ids, states and limits of all follow in the first list. A damaged state counts as none: the account is valid.
Of an account without limits the short way gives one text, which is cheaper: why, 1 or 0, account, state, with a space between.
The account `''` for the reason `unknown`: Redis does not have the roster, and nothing was done.
"""
