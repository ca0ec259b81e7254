"""Group of the `opencode` kind of upstream: where the runtime is, and what serves a model's name there."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from collections.abc import Mapping

from attrs import frozen

from mix2api.settings.address_readers import HttpUrl
from mix2api.settings.choices import Permissions
from mix2api.settings.readers import Choice, Flag, HeaderText, JsonObject, Text, Whole
from mix2api.settings.setting import Setting, held


@frozen(kw_only=True)
class OpenCodeSite:
    """An OpenCode server."""

    url: str | None = held(Setting("OPENCODE_URL", HttpUrl(), "", "base URL of the OpenCode server"))
    password: str | None = held(
        Setting(
            "OPENCODE_SERVER_PASSWORD",
            HeaderText(),
            "",
            "the server's password, which OpenCode reads under the same name",
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
            "bearer with which a tool inside the runtime asks for the context of its run; unset: it cannot ask",
            secret=True,
        )
    )
    context_port: int = held(
        Setting(
            "OPENCODE_CONTEXT_PORT", Whole(0, 65_535), "4098", "where it asks, on 127.0.0.1; 0: a free port"
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
