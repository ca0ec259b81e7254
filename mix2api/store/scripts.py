"""The Lua scripts, and how they are called: by digest, loaded when the server does not know them (yet, or any more).

All keys of a call are of one shard and stand in KEYS. Written for Redis 6.2: no functions, no read-only calls.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from redis.exceptions import NoScriptError

from mix2api.errors import StoreUnavailable
from mix2api.store import account_scripts, choice_script, release_scripts
from mix2api.store.conversation_scripts import COMMIT, REBUILD
from mix2api.store.lua import FIRMLY, Script
from mix2api.store.redis.link import Command, CommitLink, NotSent, RedisLink, Reply
from mix2api.store.shelf_scripts import FORGET, SHELVE
from mix2api.store.vault_scripts import CLAIM, GIVE_BACK, PUBLISH
from mix2api.store.willingness import MARKS

APPEND: Final = Script(
    FIRMLY
    + """
local lease, open, audit, inbox, ledger = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local token, holder, retention, number = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if ARGV[5] == '1' and number ~= '' then
  local known, verdicts = string.match(firmly('GET', ledger) or '', '^(%d+) ([arfod]*)$')
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

local function begun(log, mode)
  return mode % 2 == 1 and redis.call('TYPE', log).ok == 'stream'
end

local function is_done(entry)
  if entry == '' or redis.call('TYPE', inbox).ok ~= 'stream' then return false end
  return #redis.call('XRANGE', inbox, entry, entry) == 0
end

local oldest

local function add_audit(...)
  oldest = oldest or string.format('%.0f', redis.call('TIME')[1] * 1000 - tonumber(retention))
  firmly('XADD', audit, 'MINID', '~', oldest, '*', ...)
end

local function close(at, run, rest, log, snapshot, last)
  local session, asked = string.match(rest, '^%S+ %S+ (%S+) (.*)$')
  if not session then session, asked = string.match(log, '[^:]*$'), '' end
  add_audit('k', 'run', 'r', run, 's', session, 'a', asked, 'e', ARGV[at])
  redis.call('HDEL', open, run)
  if ARGV[at + 1] ~= '' then firmly('XDEL', inbox, ARGV[at + 1]) end
  if snapshot then
    redis.call('SET', snapshot, last .. ' ' .. ARGV[at + 2], 'PX', retention)
    redis.call('XTRIM', log, 'MAXLEN', '~', 10000)
  end
end

local function failed(why)
  if type(why) == 'table' then why = why.err end
  for _, word in ipairs({"""
    + ", ".join(f'"{mark}"' for marks in MARKS.values() for mark in marks)
    + """}) do
    if string.find(why, word, 1, true) then error(why, 0) end
  end
  return 'd'
end

local verdicts, at, after, key = {}, 6, 6, 6

local function work()
  local mode, log, snapshot, run, verdict, rest, first, last
  while at <= #ARGV do
    after, mode = at + tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    if mode == 8 then
      add_audit(unpack(ARGV, at + 2, after - 1))
      verdicts[#verdicts + 1] = 'a'
    else
      log, snapshot, run = KEYS[key], nil, ARGV[at + 2]
      key = key + 1
      if mode % 8 >= 4 then snapshot = KEYS[key]; key = key + 1 end
      verdict, rest = judge(mode, run, tonumber(ARGV[at + 3]))
      first = at + 6
      if mode % 4 >= 2 then first = at + 9 end
      if mode % 2 == 1 then
        first = first + 1
        if verdict == 'a' and not rest and is_done(ARGV[first - 1]) then verdict = 'f' end
      end
      if verdict == 'a' and not rest and ARGV[first] == 'session' and begun(log, mode) then verdict = 'f' end
      if verdict == 'a' then
        rest = rest or ARGV[at + 5]
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
      verdicts[#verdicts + 1] = verdict
    end
    at = after
  end
end

local fine, why = pcall(work)
while not fine do
  verdicts[#verdicts + 1] = failed(why)
  at = after
  fine, why = pcall(work)
end

verdicts = table.concat(verdicts)
if number ~= '' then redis.call('SET', ledger, number .. ' ' .. verdicts, 'PX', retention) end
if #mended > 0 then return {verdicts, unpack(mended)} end
return verdicts
"""
)
"""One commit of one shard. KEYS: lease, open, audit, inbox, ledger, then each append's log (and snapshot).

ARGV: our lease token (empty: none), our holder word, retention in ms, the commit's number (empty: `seq` alone tells
a repeat), `1` if it may be a repeat; then the entries, each led by its number of arguments. An append's mode is a sum:
1 opens, 2 closes, 4 has a snapshot; then run id, expected seq, seq due after it, the `open` value of an opening, if
it closes the audit half, inbox entry and snapshot, if it opens the inbox entry, then kind, version and data of every event.
Mode 16: notes between runs, guarded by the lease alone. Mode 8: an audit entry.
What is damaged in a key gives way (`FIRMLY`), or a foreign write would refuse a shard's requests for ever; in the lease's
place it is nobody's lease (`ACQUIRE` takes it away). A session is opened once: where its log stands already, another process has run the turn while this one slept, and
the opening is fenced. So is that of a turn whose inbox entry is gone: it was run, or refused, while the shard was another's. Every entry is judged on its own: a script that fails undoes nothing,
so the failure of one must not cost the verdicts of the others. Only a server that refuses to write for now ends the
script, and it does so before anything was written.
Gives one letter per entry: `a` appended, `r` stood there, `f` fenced, `o` out of order, `d` failed; if keys were mended, a
list of the letters and the keys. Trimming goes by the server's clock, not by the log's last id, which may be damaged.
"""

HISTORY: Final = Script("""
if redis.call('STRLEN', KEYS[1]) > 8388608 then return redis.error_reply('WRONGTYPE too long for a snapshot') end
local snapshot = redis.call('GET', KEYS[1])
local after = snapshot and string.match(snapshot, '^%S+')
return {snapshot, redis.call('XRANGE', KEYS[2], after and ('(' .. after) or '-', '+')}
""")
"""KEYS: snapshot, log. Gives the snapshot (or nil) and the entries after it, in one round trip and one moment.

A snapshot over 8 MB is damage: a thousand times what a session of hundreds of turns leaves. Reading one holds the loop.
"""

SEIZE: Final = Script("""
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local entry = redis.pcall('HGET', KEYS[2], ARGV[2])
local due, by, rest = string.match(type(entry) == 'string' and entry or '', '^(%d+) (%S+) (.*)$')
if by == ARGV[4] then return 1 end
if not by or string.match(by, '^[^:]*') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], due .. ' ' .. ARGV[4] .. ' ' .. rest)
return 1
""")
"""KEYS: lease, open. ARGV: our lease token, run id, the process it is taken from, our holder word. Gives 1 if it is ours."""

CLEAR: Final = Script("""
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'hash' then return redis.call('DEL', KEYS[2]) end
local removed = 0
for i = 2, #ARGV, 2 do
  local value = redis.call('HGET', KEYS[2], ARGV[i])
  if value and redis.sha1hex(value) == ARGV[i + 1] then removed = removed + redis.call('HDEL', KEYS[2], ARGV[i]) end
end
return removed
""")
"""KEYS: lease, open. ARGV: our lease token, then run id and SHA-1 of every value that is damaged. Gives how many are gone.

Removes what is still as it was seen, and an `open` of another type as a whole; nothing if the shard is not ours.
"""

MEND: Final = Script(
    FIRMLY
    + """
mend(KEYS[1])
return 1
"""
)
"""KEYS: one in which damage refused a command. Makes it take commands again, as `FIRMLY` says."""

ACQUIRE: Final = Script("""
local damaged = 0
local token = redis.pcall('GET', KEYS[1])
local ours = type(token) == 'string' and string.sub(token, 1, #ARGV[1] + 1) == ARGV[1] .. ':'
if token and (type(token) == 'table' or #token > 200 or not string.find(token, '^[%w_.-]+:[%w_.-]+:%d+$')) then
  ours = false
  token = nil
elseif token and not ours then
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left <= 3600000 then return false end
  token = nil
end
if token == nil then
  damaged = damaged + redis.call('DEL', KEYS[1])
  token = false
end
if not token then
  local epoch = redis.pcall('INCR', KEYS[2])
  if type(epoch) == 'table' or epoch <= 1 then
    if epoch ~= 1 then damaged = damaged + 2 end
    local now = redis.call('TIME')
    redis.call('SET', KEYS[2], string.format('%.0f', now[1] * 1000000 + now[2]))
  end
  token = ARGV[1] .. ':' .. redis.call('GET', KEYS[2])
end
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
if damaged > 0 then return {token, damaged} end
return token
""")
"""KEYS: lease, epoch. ARGV: our holder word, ms. Takes what is free, extends what is ours; nil if another has it.

A lease of another form or type is nobody's: no process wrote it. Nor is one without expiry, or with more than an hour
of it (the longest `MIX2API_LEASE_S`): it would keep its shard for ever.
A counter begins at the server's clock, in microseconds: one that was emptied or is no number above 0 does not count again
what it has counted, so that nobody takes a shard for one that was never out of his hands.
Where damage gave way, gives a list of the token and a sum: 1 for the lease, 2 for the epoch.
"""

RELEASE: Final = Script("""
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")
"""KEYS: lease. ARGV: our token."""

HAND: Final = Script("""
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local epoch = redis.pcall('INCR', KEYS[2])
if ARGV[2] == '' or type(epoch) == 'table' or epoch <= 1 then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2] .. ':' .. redis.call('GET', KEYS[2]), 'PX', ARGV[3])
return 1
""")
"""KEYS: lease, epoch. ARGV: our token, the holder word of who gets the lease (empty: nobody), ms.

A lease whose epoch is damaged is given up instead: who takes it mends the epoch (`ACQUIRE`).
"""

PUT: Final = Script(
    FIRMLY
    + """
local token = redis.pcall('GET', KEYS[1])
if type(token) ~= 'string' or string.sub(token, 1, #ARGV[1]) ~= ARGV[1] then return false end
local entry = firmly('XADD', KEYS[2], '*', 'p', ARGV[2], 't', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {entry, #mended}
"""
)
"""KEYS: lease, inbox. ARGV: `<process>:` of who is believed to own the shard, sealed turn, deadline, the inbox's life in ms.

Returns the entry's id and how much damage gave way to it; nothing, and the inbox stays as it was, if another process, or none,
owns the shard.
"""

_OF_ACCOUNTS: Final = (
    choice_script.CHOOSE,
    account_scripts.CONFIRM,
    account_scripts.RELEASE,
    account_scripts.JUDGE,
)
_OF_RELEASES: Final = (release_scripts.RECORD, release_scripts.TELL, release_scripts.SIT)
ALL: Final = (
    *(APPEND, HISTORY, SEIZE, CLEAR, MEND, ACQUIRE, HAND, RELEASE, PUT, CLAIM, PUBLISH, GIVE_BACK),
    *_OF_ACCOUNTS,
    COMMIT,
    REBUILD,
    *_OF_RELEASES,
    FORGET,
    SHELVE,
)


async def run_scripts(link: CommitLink, commands: list[Command]) -> list[Reply]:
    """Runs commands in one round trip; those whose script the server did not know are loaded and run once more.

    Such a command had no effect, so the second run is the first. Other commands may stand among them.

    Raises:
        NotSent: there is no connection; no command has been run.
        StoreUnavailable: the connection broke; the commands may or may not have been run.
    """
    return await _with_scripts(link.execute, commands, await link.execute(*commands))


async def run_scripts_partly(link: RedisLink, commands: list[Command]) -> list[Reply]:
    """As `run_scripts`. Where some servers are away, `StoreUnavailable` stands in the place of their replies.

    Raises:
        NotSent: no server is connected.
        StoreUnavailable: no command was answered.
    """
    return await _with_scripts(link.partly, commands, await link.partly(*commands))


async def with_scripts(link: CommitLink, commands: list[Command], replies: list[Reply]) -> list[Reply]:
    """The replies to commands, those that were refused for want of a script run once more after all scripts were loaded.

    Raises:
        StoreUnavailable: the connection broke; the commands may or may not have been run.
    """
    return await _with_scripts(link.execute, commands, replies)


async def _with_scripts(
    send: Callable[..., Awaitable[list[Reply]]], commands: list[Command], replies: list[Reply]
) -> list[Reply]:
    unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        loads: list[Command] = [("SCRIPT", "LOAD", script.text) for script in ALL]
        try:
            again = await send(*loads, *(commands[place] for place in unknown))
        except NotSent:
            raise StoreUnavailable from None  # the other commands have been run
        for place, reply in zip(unknown, again[len(loads) :], strict=True):
            replies[place] = reply
    return replies
