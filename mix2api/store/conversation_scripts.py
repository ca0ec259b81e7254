"""The Lua scripts of conversations. Each makes its whole change or none.

`COMMIT` writes events, folded states, sealed content and look-ups. `REBUILD` writes damaged states anew.
"""

from typing import Final

from mix2api.store.lua import FIRMLY, Script

COMMIT: Final = Script(
    FIRMLY
    + """
local log, states, content, plans, conversing, conversations = unpack(KEYS)
local life, at = tonumber(ARGV[1]), 2

local function take(count)
  local first = at
  at = at + count
  return unpack(ARGV, first, at - 1)
end

local changed = {}
for _ = 1, tonumber(take(1)) do
  local field, expected, value = take(3)
  local stands = redis.pcall('HGET', states, field)
  if type(stands) == 'table' then return 'damaged' end
  local version = stands and string.match(stands, '^(%d+) ') or ''
  if version ~= expected then return 'conflict' end
  changed[#changed + 1] = {field, value}
end

local last = redis.pcall('XREVRANGE', log, '+', '-', 'COUNT', 1)
local before = last[1] and last[1][1] or '0-0'
for _, pair in ipairs(changed) do redis.call('HSET', states, pair[1], pair[2]) end
for _ = 1, tonumber(take(1)) do
  local kind, version, data = take(3)
  firmly('XADD', log, '*', 'k', kind, 'v', version, 'd', data)
end
for _ = 1, tonumber(take(1)) do
  local field, sealed = take(2)
  firmly('HSET', content, field, sealed)
end
for _ = 1, tonumber(take(1)) do
  local what, name, value = take(3)
  if what == 'plan' then firmly('RPUSH', plans, name)
  elseif what == 'open' then
    firmly('HSET', conversing, name, '')
    redis.call('HSET', states, 'from:' .. value, before)
  elseif what == 'again' then firmly('HSET', conversing, name, '')
  elseif what == 'close' then firmly('HDEL', conversing, name)
  elseif what == 'known' then firmly('ZADD', conversations, value, name)
  elseif what == 'message' then redis.call('HSET', states, name, value) end
end
for _, key in ipairs({log, states, content, plans}) do
  if life > 0 then redis.call('PEXPIRE', key, life) else redis.call('PERSIST', key) end
end
return 'done'
"""
)
"""KEYS: log, states, content, plans, conversing, conversations; all of one shard.

ARGV: life in ms (0: for ever); then four counted lists: states (field, version that must stand, or empty for none, new value),
events (kind, version, data), content (field, sealed), and look-ups (what, name, value).

Returns `done`; `conflict` if another version of a state stands, and `damaged` if the states are no hash: nothing was changed.
"""

REBUILD: Final = Script("""
local log, states, plans = unpack(KEYS)
local last = redis.pcall('XREVRANGE', log, '+', '-', 'COUNT', 1)
if (last[1] and last[1][1] or '') ~= ARGV[1] then return 'changed' end
redis.call('DEL', states, plans)
local fields = tonumber(ARGV[2])
for at = 3, 2 * fields + 2, 2 do redis.call('HSET', states, ARGV[at], ARGV[at + 1]) end
for at = 2 * fields + 3, #ARGV do redis.call('RPUSH', plans, ARGV[at]) end
local life = redis.call('PTTL', log)
for _, key in ipairs({states, plans}) do
  if life > 0 then redis.call('PEXPIRE', key, life) end
end
return 'done'
""")
"""KEYS: log, states, plans; all of one shard.

ARGV: the id of the log's last entry when it was read (empty: no entry); how many fields the states have; field and value of
each; then the turns with a plan.

Returns `done`; `changed` if the log has another last entry by now: nothing was changed. Otherwise the states of an older log
would undo the versions that `COMMIT` compares. The new keys expire with the log.
"""
