"""The Lua scripts of the release log, of what its gateway was told, and of its guard's seat."""

from typing import Final

from mix2api.store.lua import FIRMLY, Script

RECORD: Final = Script(
    FIRMLY
    + """
if (firmly('GET', KEYS[1]) or '') ~= ARGV[1] then return {0, unpack(mended)} end
redis.call('SET', KEYS[1], ARGV[2])
for place = 4, #ARGV do
  firmly('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'e', ARGV[place])
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {1, unpack(mended)}
"""
)
"""KEYS: state, history. ARGV: what stood for the state as the writer read it (empty: nothing), the state after the events, the
history's life in ms, the events. Gives a list: 1 if it was written, 0 if another writer was faster; behind it the keys that gave
way.
"""

TELL: Final = Script(
    FIRMLY
    + """
firmly('XADD', KEYS[1], 'MAXLEN', '~', 1000, '*', 'n', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return mended
"""
)
"""KEYS: what the gateway was told. ARGV: the stream's life in ms, the outcome. Gives the keys that gave way."""

SIT: Final = Script(
    FIRMLY
    + """
local stands = firmly('GET', KEYS[1])
local is_beat, guard = pcall(function() return assert(cjson.decode(stands)['guard']) end)
local left = redis.call('PTTL', KEYS[1])
if stands and is_beat and guard ~= ARGV[1] and left > 0 and left <= tonumber(ARGV[4]) then return {0, unpack(mended)} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return {1, unpack(mended)}
"""
)
"""KEYS: the guard's seat. ARGV: the guard's name, its heartbeat, ms of the heartbeat's life, the longest life that a guard
gives. Gives a list: 1 if it sits there, 0 if another guard does; behind it the keys that gave way. A heartbeat without expiry, or
with a longer one, is no guard's.
"""
