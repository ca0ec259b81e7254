"""The file of several upstreams (`MIX2API_UPSTREAMS_FILE`, TOML): one table each. Pure: text comes in."""

import re
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from mix2api.errors import ConfigurationError
from mix2api.settings.bounds import DAY_MS
from mix2api.toml_table import CREDENTIAL, TomlTable, named_table, tables_in

_PREFIX: Final = re.compile(r"[!-~]{0,128}")
_PATH: Final = re.compile(r"[^\x00\n]{1,4096}")
_MODEL: Final = 256
"""Characters of a model's name, as in requests."""
_CONCURRENCIES: Final = range(1, 100_001)
_WAITS_MS: Final = range(1, DAY_MS + 1)
_PERHAPS_MS: Final = range(DAY_MS + 1)
"""0: no limit, as in the setting of the same meaning."""
_RETRIES: Final = range(101)
_MOST: Final = 100
"""Upstreams of a file. Each request tries their prefixes one after the other; each has a pool of connections."""
LIMITS: Final = {
    "connect_timeout_ms": _WAITS_MS,
    "first_byte_timeout_ms": _PERHAPS_MS,
    "idle_timeout_ms": _WAITS_MS,
    "total_timeout_ms": _PERHAPS_MS,
    "silence_timeout_ms": _PERHAPS_MS,
    "retry_count": _RETRIES,
}
"""Limits of an upstream's own, by their names in `mix2api.settings.Network`; the settings give those that a table leaves out."""
_REQUIRED: Final = ("name", "prefix", "kind")
_FIELDS: Final = frozenset(
    {
        *_REQUIRED,
        "base_url",
        "command",
        "strip_prefix",
        "credential",
        "accounts_file",
        "models",
        "max_concurrency",
        *LIMITS,
    }
)


class ListedKind(StrEnum):
    """Kinds that can stand in the file."""

    MIX = "mix"
    OPENAI = "openai"
    RESPONSES = "responses"
    OPENCODE = "opencode"


@frozen(kw_only=True)
class ListedUpstream:
    """One upstream as the file describes it."""

    name: str
    prefix: str
    """Of the names of its models. Empty: every model that no other upstream has."""
    kind: ListedKind
    base_url: str | None
    """None: `command` starts it."""
    command: tuple[str, ...] | None = None
    """Program and arguments that start a runtime (`OPENCODE_COMMAND`)."""
    strips_prefix: bool = False
    """The upstream knows its models without the prefix."""
    credential: str | None = field(default=None, repr=False)
    """A reference: `env:NAME` or `file:PATH`. None: calls go without a credential, or with those of accounts."""
    accounts_file: str | None = None
    """The file of its accounts."""
    models: tuple[str, ...] = ()
    """Shown by `/v1/models`, with the prefix; others are served all the same."""
    max_concurrency: int | None = None
    """Calls at once from one process; None: no limit but the process's own."""
    limits: dict[str, int] = field(factory=dict)
    """Those of `LIMITS` that the table has."""


def read_upstreams(text: str, path: str) -> tuple[ListedUpstream, ...]:
    """The upstreams of a file, in its order.

    Args:
        text: the file's content.
        path: named in errors.

    Raises:
        ConfigurationError: the file is no TOML, or a field is wrong. The error names file, table and field, no value.
    """
    listed = tables_in(text, path, "upstreams", _MOST)
    upstreams = tuple(_upstream(said, f"{path}: upstream {at}") for at, said in enumerate(listed, 1))
    for name in ("name", "prefix"):
        seen: set[str] = set()
        for at, upstream in enumerate(upstreams, 1):
            value = getattr(upstream, name)
            if value in seen:
                raise ConfigurationError(
                    f"{path}: upstream {at} ({upstream.name}): {name}: another upstream has it, too"
                )
            seen.add(value)
    _check_runtimes(upstreams, path)
    return upstreams


def _check_runtimes(upstreams: tuple[ListedUpstream, ...], path: str) -> None:
    """A runtime has no accounts, and there is one: what is left open in Redis does not say in which runtime it is.

    Raises:
        ConfigurationError: names the table.
    """
    runtimes = [(at, one) for at, one in enumerate(upstreams, 1) if one.kind is ListedKind.OPENCODE]
    for at, runtime in runtimes:
        where = f"{path}: upstream {at} ({runtime.name})"
        if runtime.accounts_file is not None:
            raise ConfigurationError(f"{where}: accounts_file: must be left out: a runtime has no accounts")
        if at != runtimes[0][0]:
            raise ConfigurationError(f"{where}: kind: only one upstream of the file can be opencode")


def _upstream(said: object, where: str) -> ListedUpstream:
    fields = named_table(said, where, "name")
    fields.check_names(_FIELDS, _REQUIRED)
    prefix = fields.text("prefix", _PREFIX, "up to 128 visible ASCII characters")
    if "credential" in fields.said and "accounts_file" in fields.said:
        raise fields.wrong(
            "credential", "left out where accounts_file is: accounts have credentials of their own"
        )
    kind = fields.word("kind", ListedKind)
    base_url, command = _place(fields, kind)
    return ListedUpstream(
        name=fields.own_name("name"),
        prefix=prefix,
        kind=kind,
        base_url=base_url,
        command=command,
        strips_prefix=fields.flag("strip_prefix", default=False),
        credential=_perhaps(fields, "credential", CREDENTIAL, "env:NAME or file:PATH"),
        accounts_file=_perhaps(fields, "accounts_file", _PATH, "a path"),
        models=_models(fields, prefix),
        max_concurrency=fields.perhaps_whole("max_concurrency", _CONCURRENCIES),
        limits={one: fields.whole(one, 0, allowed) for one, allowed in LIMITS.items() if one in fields.said},
    )


def _place(fields: TomlTable, kind: ListedKind) -> tuple[str | None, tuple[str, ...] | None]:
    """Where the upstream is: its base URL, or the command that starts it."""
    if "command" not in fields.said:
        fields.check_names(_FIELDS, ("base_url",))
        return fields.base_url("base_url"), None
    if kind is not ListedKind.OPENCODE or "base_url" in fields.said:
        raise fields.wrong("command", "left out where base_url is, and with every kind but opencode")
    return None, fields.texts("command", (), "a list of a program and its arguments")


def _perhaps(fields: TomlTable, name: str, form: re.Pattern[str], allowed: str) -> str | None:
    return fields.text(name, form, allowed) if name in fields.said else None


def _models(fields: TomlTable, prefix: str) -> tuple[str, ...]:
    allowed = f"a list of model names that begin with the prefix, of up to {_MODEL} characters"
    models = fields.texts("models", (), allowed)
    if not all(model.startswith(prefix) and len(model) <= _MODEL for model in models):
        raise fields.wrong("models", allowed)
    return models
