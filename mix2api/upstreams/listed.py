"""The file of several upstreams (`MIX2API_UPSTREAMS_FILE`, TOML): one table each. Pure: text comes in."""

import re
import tomllib
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from mix2api.errors import ConfigurationError
from mix2api.settings.bounds import DAY_MS
from mix2api.toml_table import CREDENTIAL, TomlTable

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
"""The name stands in Redis, in logs and in errors, so it has neither spaces nor capitals."""
_PREFIX: Final = re.compile(r"[!-~]{0,128}")
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
_REQUIRED: Final = ("name", "prefix", "kind", "base_url")
_FIELDS: Final = frozenset(
    {*_REQUIRED, "strip_prefix", "credential", "accounts_file", "models", "max_concurrency", *LIMITS}
)


class ListedKind(StrEnum):
    """Kinds that can stand in the file."""

    MIX = "mix"
    OPENAI = "openai"
    RESPONSES = "responses"


@frozen(kw_only=True)
class ListedUpstream:
    """One upstream as the file describes it."""

    name: str
    prefix: str
    """Of the names of its models. Empty: every model that no other upstream has."""
    kind: ListedKind
    base_url: str
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
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ConfigurationError(f"{path}: not TOML: {fault}") from None
    listed = tables.get("upstreams")
    if set(tables) != {"upstreams"} or not isinstance(listed, list) or not listed:
        raise ConfigurationError(f"{path}: the file must hold [[upstreams]] tables and nothing else")
    if len(listed) > _MOST:
        raise ConfigurationError(f"{path}: more than {_MOST} upstreams")
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
    return upstreams


def _upstream(said: object, where: str) -> ListedUpstream:
    if not isinstance(said, dict):
        raise ConfigurationError(f"{where}: must be a table")
    name = said.get("name")
    if isinstance(name, str) and _NAME.fullmatch(name):
        where = f"{where} ({name})"
    fields = TomlTable(said, where)
    fields.check_names(_FIELDS, _REQUIRED)
    prefix = fields.text("prefix", _PREFIX, "up to 128 visible ASCII characters")
    if "credential" in said and "accounts_file" in said:
        raise fields.wrong(
            "credential", "left out where accounts_file is: accounts have credentials of their own"
        )
    return ListedUpstream(
        name=fields.text("name", _NAME, "1 to 64 of a-z 0-9 _ . -, with a letter or digit first"),
        prefix=prefix,
        kind=_kind(fields),
        base_url=fields.base_url("base_url"),
        strips_prefix=fields.flag("strip_prefix", default=False),
        credential=_perhaps(fields, "credential", CREDENTIAL, "env:NAME or file:PATH"),
        accounts_file=_perhaps(fields, "accounts_file", re.compile(r".{1,4096}"), "a path"),
        models=_models(fields, prefix),
        max_concurrency=fields.perhaps_whole("max_concurrency", _CONCURRENCIES),
        limits={one: fields.whole(one, 0, allowed) for one, allowed in LIMITS.items() if one in said},
    )


def _perhaps(fields: TomlTable, name: str, form: re.Pattern[str], allowed: str) -> str | None:
    return fields.text(name, form, allowed) if name in fields.said else None


def _models(fields: TomlTable, prefix: str) -> tuple[str, ...]:
    models = fields.texts(
        "models", (), f"a list of model names that begin with the prefix, of up to {_MODEL} characters"
    )
    if not all(model.startswith(prefix) and len(model) <= _MODEL for model in models):
        raise fields.wrong(
            "models", f"a list of model names that begin with the prefix, of up to {_MODEL} characters"
        )
    return models


def _kind(fields: TomlTable) -> ListedKind:
    if fields.said["kind"] not in set(ListedKind):
        raise fields.wrong("kind", " or ".join(ListedKind))
    return ListedKind(fields.said["kind"])
