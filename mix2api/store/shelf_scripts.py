"""The Lua scripts that change documents of a shelf: head, body and place in the order, in one step or not at all."""

from typing import Final

from mix2api.store.lua import FIRMLY, Script

SHELVE: Final = Script(
    FIRMLY
    + """
local heads, bodies, times = unpack(KEYS)
local id, expected, head, body, now, life, most, yields = unpack(ARGV)
now, life, most = tonumber(now), tonumber(life), tonumber(most)

local function drop(gone)
  firmly('HDEL', heads, gone)
  firmly('HDEL', bodies, gone)
  firmly('ZREM', times, gone)
end

local function answer(word)
  return {word, unpack(mended)}
end

local function give_way()
  for _, old in ipairs(firmly('ZRANGE', times, 0, 99)) do
    if string.match(firmly('HGET', heads, old) or '1 ', '^1 ') then
      drop(old)
      return true
    end
  end
end

local stands = firmly('HGET', heads, id)
local version = stands and (string.match(stands, '^(%d+) ') or '?') or ''
if version ~= expected and version ~= '?' then return answer('conflict') end
if life > 0 then
  for _, old in ipairs(firmly('ZRANGEBYSCORE', times, '-inf', now - life, 'LIMIT', 0, 100)) do drop(old) end
end
if version == '' and firmly('HLEN', heads) >= most then
  if yields ~= '1' or not give_way() then return answer('full') end
end
firmly('HSET', heads, id, head)
if body ~= '' then firmly('HSET', bodies, id, body) end
firmly('ZADD', times, now, id)
for _, key in ipairs(KEYS) do
  if life > 0 then redis.call('PEXPIRE', key, life) else redis.call('PERSIST', key) end
end
return answer('done')
"""
)
"""KEYS: heads, bodies, times; all of one shard.

ARGV: id; the version that must stand (empty: none); the new head; the new body (empty: as it was); now in ms; life in ms (0: for
ever); most documents; whether the oldest document of version 1 gives way to a new one (`1`), if it is one of the oldest 100.

Returns `done`, `conflict` or `full`, and the keys that were of another type and were emptied. `conflict` changes no document. `done`
and `full` also remove documents whose life is over, 100 at most.
A head that is damaged gives way to any version.
"""

FORGET: Final = Script(
    FIRMLY
    + """
local heads, bodies, times = unpack(KEYS)
for place = 2, #ARGV do
  local id = ARGV[place]
  if string.match(firmly('HGET', heads, id) or '', '^(%d+) ') == ARGV[1] then
    for _, key in ipairs({heads, bodies}) do firmly('HDEL', key, id) end
    firmly('ZREM', times, id)
  end
end
return mended
"""
)
"""KEYS: heads, bodies, times; all of one shard. ARGV: a version, and ids of documents: those that stand in that version go.

Returns the keys that were of another type and were emptied.
"""
