"""The Lua scripts of the vault: who has a credential's newest value, and who may fetch the next."""

from typing import Final

from mix2api.store.lua import FIRMLY, Script

_VAULT: Final = (
    FIRMLY
    + """
local value, lock, fence, pause, failures, news = unpack(KEYS)

local function is_latest(generation)
  local by = firmly('GET', lock)
  return firmly('GET', fence) == string.match(generation, '%d+$') and (not by or by == generation)
end

local function tell(generation)
  redis.call('DEL', lock)
  firmly('XADD', news, 'MAXLEN', 1, '*', 'g', generation)
  redis.call('PEXPIRE', news, 86400000)
end

local function number_in(key)
  local number = tonumber(firmly('GET', key) or 0)
  return number and number >= 0 and number < 1000000 and math.floor(number) or 0
end

local function left_of(key)
  local left = redis.call('PTTL', key)
  if left == -1 or left > 7200000 then clear(key) end
  return left <= 7200000 and left or 0
end

local function gives(reply)
  if #mended == 0 then return reply end
  return {reply, unpack(mended)}
end
"""
)
"""What the vault's scripts share. KEYS: value, lock, fence (a counter without expiry), pause, failures, news.

A reply is a list of the reply itself and the keys that were mended, if any were. A lock or pause without expiry, or with
more than two hours of it, is damage: a login's limit is an hour at most, and a pause a minute.
"""

CLAIM: Final = Script(
    _VAULT
    + """
local spent, process, nonce, life = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local kept = redis.pcall('HMGET', value, 'g', 'd')
if kept.err then clear(value) end
if kept[1] and kept[2] and kept[1] ~= spent then return gives({'kept', kept[1], kept[2]}) end
local why, left = firmly('GET', pause), left_of(pause)
if why and left > 0 then return gives({'paused', left, why}) end
local by, held = firmly('GET', lock), left_of(lock)
if by and held > 0 and string.match(by, '^[^:]*') ~= process then
  local last = firmly('XREVRANGE', news, '+', '-', 'COUNT', 1)[1]
  return gives({'held', held, last and last[1] or '0-0'})
end
local count = redis.pcall('INCR', fence)
local why = type(count) == 'table' and count.err
if why and not (is_damage(why) or string.find(why, 'integer') or string.find(why, 'overflow')) then error(why, 0) end
if why or count < 1 then
  clear(fence)
  redis.call('SET', fence, redis.call('TIME')[1] .. '000000')
end
local generation = process .. ':' .. nonce .. ':' .. redis.call('GET', fence)
redis.call('SET', lock, generation, 'PX', life)
return gives({'granted', generation, number_in(failures)})
"""
)
"""ARGV: the generation that is spent (empty: none is known), our process, a nonce (a flushed server counts from 1 again), ms
that a right lasts. Gives what `mix2api.vault.Claim` says. A right of our own that stands is granted anew: the reply that told
us of it was lost.
"""

PUBLISH: Final = Script(
    _VAULT
    + """
local generation, sealed, life = ARGV[1], ARGV[2], ARGV[3]
if not is_latest(generation) then return gives(0) end
firmly('HSET', value, 'g', generation, 'd', sealed)
redis.call('PEXPIRE', value, life)
redis.call('DEL', pause, failures)
tell(generation)
return gives(1)
"""
)
"""ARGV: generation, sealed value, ms that it lives. Gives 0 if a later right was granted."""

GIVE_BACK: Final = Script(
    _VAULT
    + """
local generation, why, pause_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
if not is_latest(generation) then return gives(0) end
if pause_ms > 0 then
  redis.call('SET', pause, why, 'PX', pause_ms)
  redis.call('SET', failures, string.format('%d', number_in(failures) + 1), 'PX', 600000)
end
tell(generation)
return gives(1)
"""
)
"""ARGV: generation, why it failed, ms of the pause (0: it did not fail). Failures are counted for ten minutes."""
