"""A Lua script, and the part that scripts share: commands that no content of a key can make fail.

Written for Redis 6.2 and later: no functions, no read-only calls, a refusal inside `pcall` may be a text or a table.
"""

import hashlib
from typing import Final

from attrs import field, frozen

from mix2api.store.redis.link import Command
from mix2api.store.refusals import OF_THE_STREAM


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


FIRMLY: Final = (
    """
local mended = {}

local function clear(key)
  mended[#mended + 1] = key
  redis.call('DEL', key)
end

local function mend(key)
  if redis.call('TYPE', key).ok ~= 'stream' then return clear(key) end
  mended[#mended + 1] = key
  local life, border = redis.call('PTTL', key), redis.call('TIME')[1] * 1000 + 86400000
  local ahead = redis.call('XRANGE', key, string.format('%.0f', border), '+', 'COUNT', 1000)
  local kept = redis.call('XREVRANGE', key, string.format('%.0f', border - 1), '-', 'COUNT', 10000)
  redis.call('DEL', key)
  for i = #kept, 1, -1 do
    if #kept[i][2] <= 1000 then redis.call('XADD', key, kept[i][1], unpack(kept[i][2])) end
  end
  for _, entry in ipairs(ahead) do
    if #entry[2] <= 1000 then redis.call('XADD', key, '*', unpack(entry[2])) end
  end
  if life > 0 then redis.call('PEXPIRE', key, life) end
end

local function is_damage(why)
  for _, word in ipairs({'WRONGTYPE', """
    + ", ".join(f"'{word}'" for word in OF_THE_STREAM)
    + """}) do
    if string.find(why, word, 1, true) then return true end
  end
end

local function firmly(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if not is_damage(reply.err) then error(reply.err, 0) end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then clear(key) else mend(key) end
  return redis.call(command, key, ...)
end
"""
)
"""Runs a command, after what is damaged in its key gave way: no content of a key can then make the command fail.

A key of another type told nothing, and is deleted. A stream whose last id is the last that there can be takes nothing
more: it is written anew, and its entries with ids of more than a day ahead of the server's clock get ids of now. The
latest 10,000 entries are kept, and 1000 of those ahead: some 50 ms of the server's time. An entry of more than 500
fields is left out, since Lua's stack takes no more. `mended` has the keys, for the reader's log.
"""
