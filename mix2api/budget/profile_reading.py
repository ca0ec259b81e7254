"""What an operator writes of models, as `GivenProfile`s; every mistake is told by model and field. Pure.

The text's form (JSON, TOML) is read by the caller: this is about the values. Keys stand in snake_case or camelCase.
Unlike the earlier adapter, which ignored a bad profile with a warning, this refuses it: a mistyped limit would
otherwise be found only when a site refuses a request.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import field, frozen

from mix2api.budget.encodings import EncodingName
from mix2api.budget.images import ImageRule
from mix2api.budget.profile import FIGURES, GivenProfile, Origin

TOKENS_MAX: Final = 100_000_000
"""No model has a window of a hundred times the largest one that is sold."""
WINDOW_MIN: Final = 2
"""One token in, one out."""
_NAME_CHARS: Final = 256
"""As long as a request's `model` may be."""
_TOKEN_FIGURES: Final = FIGURES[:4]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_SPELLINGS: Final = {spelling: name for name in FIGURES for spelling in (name, _camel(name))}
"""Every spelling of a field -> the field."""


@frozen
class Mistake:
    """One thing that is wrong."""

    model: str
    """The profile's name; empty where it is about all of them."""
    key: str
    """The field as it was written; empty where it is about the whole profile."""
    why: str

    def __str__(self) -> str:
        """Such as `"gpt-5": max_new_tokens must be ...`."""
        where = f'"{self.model}": ' if self.model else ""
        return f"{where}{self.key} {self.why}" if self.key else f"{where}{self.why}"


@frozen
class ReadProfiles:
    """What was read. If there is a mistake, nothing of it is to be used."""

    profiles: tuple[GivenProfile, ...] = ()
    mistakes: tuple[Mistake, ...] = field(factory=tuple)


def read_profiles(said: Mapping[str, object], origin: Origin) -> ReadProfiles:
    """The profiles of a mapping from names to fields.

    Args:
        said: names or patterns -> fields. Profiles may also stand in an object or table named `models`.
        origin: where it was said.
    """
    models = said.get("models")
    if isinstance(models, Mapping) and _holds_profiles(models):
        said = {name: fields for name, fields in said.items() if name != "models"} | dict(models)
    profiles: list[GivenProfile] = []
    mistakes: list[Mistake] = []
    for name, fields in said.items():
        found = tuple(_mistakes(name, fields))
        mistakes += found
        if not found and isinstance(fields, Mapping):
            profiles.append(_profile(name, fields, origin))
    return ReadProfiles(tuple(profiles), tuple(mistakes))


def _holds_profiles(models: Mapping[str, object]) -> bool:
    return bool(models) and all(isinstance(fields, Mapping) for fields in models.values())


def _profile(name: str, fields: Mapping[str, object], origin: Origin) -> GivenProfile:
    values: dict[str, object] = {_SPELLINGS[key]: value for key, value in fields.items()}
    tokens = {key: value for key in _TOKEN_FIGURES if isinstance(value := values.get(key), int)}
    encoding, rule = values.get("encoding"), values.get("image_rule")
    return GivenProfile(
        name=name,
        origin=origin,
        **tokens,
        encoding=None if encoding is None else EncodingName(str(encoding)),
        image_rule=None if rule is None else ImageRule.parse(rule),
    )


def _mistakes(name: str, fields: object) -> Iterator[Mistake]:
    if not 0 < len(name) <= _NAME_CHARS or not name.isprintable():
        yield Mistake("", "", f"a profile's name must be 1 to {_NAME_CHARS} printable characters")
        return
    if not isinstance(fields, Mapping):
        yield Mistake(name, "", "a profile must be an object of fields, such as {context_window = 128000}")
        return
    seen: dict[str, str] = {}
    for key, value in fields.items():
        figure = _SPELLINGS.get(key)
        if figure is None:
            yield Mistake(name, key, f"is not a field of a profile{_nearest(key)}")
        elif figure in seen:
            yield Mistake(name, key, f"says the same as {seen[figure]}: give one of them")
        elif (why := _refusal(figure, value)) is not None:
            yield Mistake(name, key, why)
        seen.setdefault(figure or key, key)


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key, _SPELLINGS, n=1)
    return f"; did you mean {near[0]}?" if near else f"; these are: {', '.join(FIGURES)}"


def _refusal(figure: str, value: object) -> str | None:
    if figure == "encoding":
        words = ", ".join(EncodingName)
        return None if isinstance(value, str) and value in set(EncodingName) else f"must be one of {words}"
    if figure == "image_rule":
        return None if ImageRule.is_allowed(value) else f"must be {ImageRule.ALLOWED}"
    least = WINDOW_MIN if figure == "context_window" else 1
    is_good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= TOKENS_MAX
    return None if is_good else f"must be a whole number of tokens from {least} to {TOKENS_MAX}"
