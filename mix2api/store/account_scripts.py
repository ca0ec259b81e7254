"""The Lua scripts that keep bindings and states of accounts true. `mix2api.store.choice_script` chooses."""

from typing import Final

from mix2api.store.lua import FIRMLY, Script

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
if redis.call('EXISTS', KEYS[3]) == 1 then firmly('HSET', KEYS[3], 'until', 0) end
for i = 5, #ARGV, 3 do
  firmly('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'account', ARGV[1], 'model', ARGV[i],
    'before', ARGV[i + 1], 'after', ARGV[i + 2])
  redis.call('PEXPIRE', KEYS[2], 2592000000)
end
return {ARGV[3], unpack(mended)}
"""
)
"""KEYS: states or limits, changes, plan of the next choices (it ends). ARGV: account, its text as it was read, its text after some evidence (empty: nothing is
known any more), ms after which the whole key expires (0: never); for each change that operators read of: model (empty: the
account's own), state before and after. Gives the text that stands now. Changes are kept for 30 days after the last one, and
10,000 of them: a deployment of 200 accounts that each change ten times a day has them for five days.
"""
