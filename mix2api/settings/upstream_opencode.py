"""Group of the `opencode` kind of upstream: where the runtime is, and what serves a model's name there."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

import shlex
from collections.abc import Mapping

from attrs import frozen

from mix2api.settings.address_readers import HttpUrl
from mix2api.settings.choices import Permissions
from mix2api.settings.readers import Choice, Flag, HeaderText, JsonObject, Text, Whole
from mix2api.settings.setting import Setting, held


@frozen
class CommandLine:
    """A program and its arguments, quoted as in a shell. No shell runs it."""

    allowed: str = "a program and its arguments, quoted as in a shell"

    def read(self, text: str) -> tuple[str, ...]:
        """The words."""
        words = tuple(shlex.split(text))
        if not words or not text.isprintable():
            raise ValueError(text)
        return words


@frozen(kw_only=True)
class OpenCodeSite:
    """An OpenCode server."""

    url: str | None = held(Setting("OPENCODE_URL", HttpUrl(), "", "base URL of the OpenCode server"))
    command: tuple[str, ...] | None = held(
        Setting(
            "OPENCODE_COMMAND",
            CommandLine(),
            "",
            "starts the server, in place of OPENCODE_URL: `opencode serve`; `{port}` in it stands for the port",
        )
    )
    password: str | None = held(
        Setting(
            "OPENCODE_SERVER_PASSWORD",
            HeaderText(),
            "",
            "the server's password, which OpenCode reads under the same name; unset with OPENCODE_COMMAND: a random one",
            secret=True,
        )
    )
    directory: str | None = held(
        Setting("OPENCODE_DIRECTORY", Text(4096), "", "directory that the runtime works in; unset: its own")
    )
    model: str | None = held(
        Setting(
            "OPENCODE_MODEL",
            Text(256),
            "",
            "`provider/model` for every request; unset: the runtime's default",
        )
    )
    agent: str | None = held(
        Setting("OPENCODE_AGENT", Text(256), "", "agent for every request; unset: the runtime's default")
    )
    profiles: Mapping[str, object] = held(
        Setting(
            "OPENCODE_PROFILES_JSON",
            JsonObject(),
            "{}",
            'model and agent by the name in a request: `{"coder": {"model": "provider/model", "agent": "build"}}`',
        )
    )
    permissions: Permissions = held(
        Setting(
            "OPENCODE_PERMISSIONS",
            Choice(Permissions),
            "deny",
            "what is answered where a tool of the runtime asks for a permission, each time; its questions are always rejected",
        )
    )
    shows_tools: bool = held(
        Setting("OPENCODE_SHOW_TOOLS", Flag(), "false", "the runtime's own tool runs are told as reasoning")
    )
    context_token: str | None = held(
        Setting(
            "OPENCODE_CONTEXT_TOKEN",
            HeaderText(),
            "",
            "bearer with which a tool inside the runtime asks for the context of its run; unset: it cannot ask, or a random one "
            "and a free port with OPENCODE_COMMAND",
            secret=True,
        )
    )
    context_port: int = held(
        Setting(
            "OPENCODE_CONTEXT_PORT", Whole(0, 65_535), "4098", "where it asks, on 127.0.0.1; 0: a free port"
        )
    )
    transcript_ttl_s: int = held(
        Setting(
            "OPENCODE_TRANSCRIPT_TTL_S",
            Whole(0, 2_592_000),
            "86400",
            "for how long a client session's words are kept, sealed, for requests that bring no history; 0: not at all, and such "
            "requests are refused from the second on",
            unit="s",
        )
    )
    transcript_bytes: int = held(
        Setting(
            "OPENCODE_TRANSCRIPT_BYTES",
            Whole(1024, 4_194_304),
            "1048576",
            "of one client session's words; beyond, none of them are kept, and requests have to bring their history",
            unit="bytes",
        )
    )
    call_timeout_ms: int = held(
        Setting("OPENCODE_CALL_TIMEOUT_MS", Whole(100, 600_000), "30000", "one call of its API", unit="ms")
    )
    release_timeout_ms: int = held(
        Setting(
            "OPENCODE_RELEASE_TIMEOUT_MS",
            Whole(100, 60_000),
            "5000",
            "each step of a run's end: its abort until the session is idle, its removal",
            unit="ms",
        )
    )
