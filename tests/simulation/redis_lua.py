"""Runs Lua scripts as Redis does: the same Lua 5.1, by lupa, with `redis.call` into a model."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import lupa.lua51
from attrs import define, field
from simulation.redis_replies import Refusal, Status

Call = Callable[[list[bytes]], Any]

_REDIS: Final = """
local ask, sha1 = ...
local function call(...)
  local reply = ask(...)
  if type(reply) == 'table' and reply.err then error(reply, 0) end
  return reply
end
redis = {
  call = call,
  pcall = function(...) return ask(...) end,
  sha1hex = sha1,
  error_reply = function(text) return {err = text} end,
  status_reply = function(text) return {ok = text} end,
}
return function(text)
  return loadstring('return function(KEYS, ARGV) ' .. text .. ' end')()
end, function(script, keys, arguments)
  local fine, reply = pcall(script, keys, arguments)
  if fine then return reply end
  if type(reply) == 'table' then return {err = reply.err} end
  return {err = 'ERR user_script: ' .. tostring(reply)}
end
"""
"""Redis 7 raises a table with `err`, which a script may catch. A script's own error ends it with an error reply."""


@define(eq=False)
class LuaScripts:
    """Compiles each script once. May serve one model after another: a script runs to its end before another begins."""

    _call: Call | None = field(default=None, init=False)
    _lua: Any = field(init=False)
    _compile: Any = field(init=False)
    _guarded: Any = field(init=False)
    _compiled: dict[bytes, Any] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._lua = lupa.lua51.LuaRuntime(encoding=None, unpack_returned_tuples=True)
        self._compile, self._guarded = self._lua.execute(_REDIS.encode(), self._ask, _sha1)

    def run(self, text: bytes, keys: list[bytes], arguments: list[bytes], call: Call) -> Any:
        """Runs a script; gives its reply as a model's command would."""
        script = self._compiled.get(text)
        if script is None:
            script = self._compiled[text] = self._compile(text)
        before, self._call = self._call, call
        try:
            reply = self._guarded(script, self._lua.table(*keys), self._lua.table(*arguments))
        finally:
            self._call = before
        return self._from_lua(reply)

    def _ask(self, *words: Any) -> Any:
        assert self._call is not None
        return self._to_lua(self._call([_word(word) for word in words]))

    def _to_lua(self, reply: Any) -> Any:
        if reply is None:
            return False
        if isinstance(reply, Status):
            return self._lua.table_from({b"ok": reply.text})
        if isinstance(reply, Refusal):
            return self._lua.table_from({b"err": reply.text.encode()})
        if isinstance(reply, list):
            return self._lua.table_from([self._to_lua(each) for each in reply])
        return reply

    def _from_lua(self, reply: Any) -> Any:
        if reply is None or reply is False:
            return None
        if reply is True:
            return 1
        if isinstance(reply, float):
            return int(reply)
        if isinstance(reply, int | bytes):
            return reply
        if reply[b"err"] is not None:
            return Refusal(reply[b"err"].decode())
        if reply[b"ok"] is not None:
            return Status(reply[b"ok"])
        found = []
        while (each := reply[len(found) + 1]) is not None:
            found.append(self._from_lua(each))
        return found


def _word(word: Any) -> bytes:
    if isinstance(word, bytes):
        return word
    if isinstance(word, float) and not word.is_integer():
        return b"%.17g" % word
    return b"%d" % int(word)


def _sha1(text: bytes) -> bytes:
    return hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
