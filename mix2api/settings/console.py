"""The group of the console: where it listens, who may sign in, and how much it holds."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from pathlib import Path

from attrs import frozen

from mix2api.settings.bounds import DAY_S
from mix2api.settings.readers import Place, Text, Whole
from mix2api.settings.setting import Setting, held


@frozen(kw_only=True)
class Console:
    """The pages of `mix2api console`."""

    host: str = held(
        Setting("MIX2API_CONSOLE_HOST", Text(255), "127.0.0.1", "address that the console listens on")
    )
    port: int = held(
        Setting("MIX2API_CONSOLE_PORT", Whole(0, 65_535), "3002", "port of the console; 0: any free one")
    )
    tokens_file: Path | None = held(
        Setting(
            "MIX2API_CONSOLE_TOKENS_FILE",
            Place(),
            "",
            "TOML file of admin tokens (id, role, SHA-256 of the token); empty: the console does not start",
        )
    )
    session_s: int = held(
        Setting(
            "MIX2API_CONSOLE_SESSION_S",
            Whole(60, DAY_S),
            "3600",
            "how long a sign-in lasts after the last page that was asked for",
            unit="s",
        )
    )
    runs: int = held(
        Setting(
            "MIX2API_CONSOLE_RUNS",
            Whole(1000, 10_000_000),
            "1000000",
            "runs that the console holds in memory for lists, searches and plots, some 150 bytes each; the oldest go first",
        )
    )
