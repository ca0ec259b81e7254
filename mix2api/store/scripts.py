"""The Lua scripts, and how they are called: by digest, loaded when the server does not know them (yet, or any more).

All keys of a call are of one shard and stand in KEYS. Written for Redis 6.2: no functions, no read-only calls.
"""

import hashlib
from typing import Final

from attrs import field, frozen
from redis.exceptions import NoScriptError

from mix2api.errors import StoreUnavailable
from mix2api.store.link import Command, NotSent, RedisLink, Reply


@frozen
class Script:
    """A Lua script with its digest, as `EVALSHA` wants it."""

    text: str = field(repr=False)
    sha: str = field(init=False)

    @sha.default
    def _digest(self) -> str:
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: list[str], arguments: list[str | bytes | int]) -> Command:
        """The command that runs the script."""
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


_FIRMLY: Final = """
local function firmly(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err, 0) end
  redis.call('DEL', key)
  return redis.call(command, key, ...)
end
"""
"""Runs a command; what stands in its key and is of another type, so that it told nothing, gives way first."""

APPEND: Final = Script(
    _FIRMLY
    + """
local lease, open, audit, inbox, ledger = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local token, holder, retention, number = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if ARGV[5] == '1' and number ~= '' then
  local known, verdicts = string.match(firmly('GET', ledger) or '', '^(%d+) (%a*)$')
  if known == number then return verdicts end
end

local function leased()
  return token ~= '' and redis.pcall('GET', lease) == token
end

local function judge(mode, run, expected)
  if mode >= 16 then return leased() and 'a' or 'f' end
  local entry = firmly('HGET', open, run)
  if entry then
    local due, by, rest = string.match(entry, '^(%d+) (%S+) (.*)$')
    if by ~= holder then return 'f' end
    due = tonumber(due)
    if expected < due then return 'r' end
    if expected > due then return 'o' end
    return 'a', rest
  end
  if mode % 2 == 0 or not leased() then return 'f' end
  return 'a'
end

local function close(at, run, rest, log, snapshot, last)
  local session, started = string.match(rest, '^%S+ %S+ (%S+) (.*)$')
  local oldest = string.format('%.0f', tonumber(string.match(last, '^%d+')) - tonumber(retention))
  firmly('XADD', audit, 'MINID', '~', oldest, '*',
         'k', 'run', 'r', run, 's', session, 'a', started, 'e', ARGV[at])
  redis.call('HDEL', open, run)
  if ARGV[at + 1] ~= '' then firmly('XDEL', inbox, ARGV[at + 1]) end
  if snapshot then
    redis.call('SET', snapshot, last .. ' ' .. ARGV[at + 2], 'PX', retention)
    redis.call('XTRIM', log, 'MAXLEN', '~', 10000)
  end
end

local verdicts, at, key = {}, 6, 6
while at <= #ARGV do
  local after, mode = at + tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  if mode == 8 then
    firmly('XADD', audit, '*', unpack(ARGV, at + 2, after - 1))
    verdicts[#verdicts + 1] = 'a'
  else
    local log, snapshot, run = KEYS[key], nil, ARGV[at + 2]
    key = key + 1
    if mode % 8 >= 4 then snapshot = KEYS[key]; key = key + 1 end
    local verdict, rest = judge(mode, run, tonumber(ARGV[at + 3]))
    verdicts[#verdicts + 1] = verdict
    if verdict == 'a' then
      rest = rest or ARGV[at + 5]
      local first, last = at + 6, nil
      if mode % 4 >= 2 then first = at + 9 end
      for i = first, after - 1, 3 do
        last = firmly('XADD', log, '*', 'k', ARGV[i], 'v', ARGV[i + 1], 'd', ARGV[i + 2])
      end
      if mode % 4 >= 2 then
        close(at + 6, run, rest, log, snapshot, last)
      elseif mode < 16 then
        redis.call('HSET', open, run, ARGV[at + 4] .. ' ' .. holder .. ' ' .. rest)
      end
      if mode % 4 > 0 then redis.call('PEXPIRE', log, retention) end
    end
  end
  at = after
end

verdicts = table.concat(verdicts)
if number ~= '' then redis.call('SET', ledger, number .. ' ' .. verdicts, 'PX', retention) end
return verdicts
"""
)
"""One commit of one shard. KEYS: lease, open, audit, inbox, ledger, then each append's log (and snapshot).

ARGV: our lease token (empty: none), our holder word, retention in ms, the commit's number (empty: `seq` alone tells
a repeat), `1` if it may be a repeat; then the entries, each led by its number of arguments. An append's mode is a sum:
1 opens, 2 closes, 4 has a snapshot; then run id, expected seq, seq due after it, the `open` value of an opening, if
it closes the audit half, inbox entry and snapshot, then kind, version and data of every event. Mode 16: notes between
runs, guarded by the lease alone. Mode 8: an audit entry.
What stands in a key's place and is of another type gives way, or a foreign write would refuse a shard's requests for
ever; in the lease's place it is nobody's lease (`ACQUIRE` takes it away). Gives one letter per entry: `a` appended,
`r` stood there, `f` fenced, `o` out of order.
"""

HISTORY: Final = Script("""
local snapshot = redis.call('GET', KEYS[1])
local after = snapshot and string.match(snapshot, '^%S+')
return {snapshot, redis.call('XRANGE', KEYS[2], after and ('(' .. after) or '-', '+')}
""")
"""KEYS: snapshot, log. Gives the snapshot (or nil) and the entries after it, in one round trip and one moment."""

SEIZE: Final = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local entry = redis.call('HGET', KEYS[2], ARGV[2])
if not entry then return 0 end
local due, by, rest = string.match(entry, '^(%d+) (%S+) (.*)$')
if by == ARGV[4] then return 1 end
if string.match(by, '^[^:]*') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], due .. ' ' .. ARGV[4] .. ' ' .. rest)
return 1
""")
"""KEYS: lease, open. ARGV: our lease token, run id, the process it is taken from, our holder word. Gives 1 if it is ours."""

ACQUIRE: Final = Script("""
local token = redis.pcall('GET', KEYS[1])
if type(token) == 'table' or token and not string.find(token, '^[^:]+:[^:]+:%d+$') then
  redis.call('DEL', KEYS[1])
  token = false
end
if not token then
  local epoch = redis.pcall('INCR', KEYS[2])
  if type(epoch) == 'table' or epoch == 1 then
    local now = redis.call('TIME')
    redis.call('SET', KEYS[2], string.format('%.0f', now[1] * 1000000 + now[2]))
  end
  token = ARGV[1] .. ':' .. redis.call('GET', KEYS[2])
elseif string.sub(token, 1, #ARGV[1] + 1) ~= ARGV[1] .. ':' then
  return false
end
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return token
""")
"""KEYS: lease, epoch. ARGV: our holder word, ms. Takes what is free, extends what is ours; nil if another has it.

A lease of another form or type is nobody's: no process wrote it, and without expiry it would keep its shard for ever.
A counter begins at the server's clock, in microseconds: one that was emptied or is no number does not count again what
it has counted, so that nobody takes a shard for one that was never out of his hands.
"""

RELEASE: Final = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")
"""KEYS: lease. ARGV: our token."""

_VAULT: Final = """
local value, lock, fence, pause, failures, news = unpack(KEYS)

local function is_latest(generation)
  local by = redis.call('GET', lock)
  return redis.call('GET', fence) == string.match(generation, '%d+$') and (not by or by == generation)
end

local function tell(generation)
  redis.call('DEL', lock)
  redis.call('XADD', news, 'MAXLEN', 1, '*', 'g', generation)
  redis.call('PEXPIRE', news, 86400000)
end
"""
"""What the vault's scripts share. KEYS: value, lock, fence (a counter without expiry), pause, failures, news."""

CLAIM: Final = Script(
    _VAULT
    + """
local spent, process, nonce, life = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local kept = redis.pcall('HMGET', value, 'g', 'd')
if kept.err then redis.call('DEL', value) end
if kept[1] and kept[1] ~= spent then return {'kept', kept[1], kept[2]} end
local left = redis.call('PTTL', pause)
if left > 0 then return {'paused', left, redis.call('GET', pause)} end
left = redis.call('PTTL', lock)
if left > 0 and string.match(redis.call('GET', lock), '^[^:]*') ~= process then
  local last = redis.call('XREVRANGE', news, '+', '-', 'COUNT', 1)[1]
  return {'held', left, last and last[1] or '0-0'}
end
local generation = process .. ':' .. nonce .. ':' .. redis.call('INCR', fence)
redis.call('SET', lock, generation, 'PX', life)
return {'granted', generation, tonumber(redis.call('GET', failures) or 0)}
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
if not is_latest(generation) then return 0 end
redis.call('HSET', value, 'g', generation, 'd', sealed)
redis.call('PEXPIRE', value, life)
redis.call('DEL', pause, failures)
tell(generation)
return 1
"""
)
"""ARGV: generation, sealed value, ms that it lives. Gives 0 if a later right was granted."""

GIVE_BACK: Final = Script(
    _VAULT
    + """
local generation, why, pause_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
if not is_latest(generation) then return 0 end
if pause_ms > 0 then
  redis.call('SET', pause, why, 'PX', pause_ms)
  redis.call('INCR', failures)
  redis.call('PEXPIRE', failures, 600000)
end
tell(generation)
return 1
"""
)
"""ARGV: generation, why it failed, ms of the pause (0: it did not fail). Failures are counted for ten minutes."""

ALL: Final = (APPEND, HISTORY, SEIZE, ACQUIRE, RELEASE, CLAIM, PUBLISH, GIVE_BACK)


async def run_scripts(link: RedisLink, commands: list[Command]) -> list[Reply]:
    """Runs commands in one round trip; those whose script the server did not know are loaded and run once more.

    Such a command had no effect, so the second run is the first. Other commands may stand among them.

    Raises:
        NotSent: there is no connection; no command has been run.
        StoreUnavailable: the connection broke; the commands may or may not have been run.
    """
    replies = await link.execute(*commands)
    unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        loads: list[Command] = [("SCRIPT", "LOAD", script.text) for script in ALL]
        try:
            again = await link.execute(*loads, *(commands[place] for place in unknown))
        except NotSent:
            raise StoreUnavailable from None  # the other commands have been run
        for place, reply in zip(unknown, again[len(loads) :], strict=True):
            replies[place] = reply
    return replies
