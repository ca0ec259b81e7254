"""Which profile a model has: by full name, slug, or pattern; the longest match wins. Pure.

A request's model is looked up in this order: the profile with its full name, the one with its slug (the name behind
the first `/`), the one with `mix/<slug>` (the earlier adapter did so), then the pattern that matches name or slug with
the most characters other than `*`. Of two patterns of one length the one that sorts first counts.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from attrs import define, evolve, field, frozen

from mix2api.budget.profile import FIGURES, Defaults, GivenProfile, Origin, Profile, Source

_ANY: Final = "*"
_SITE: Final = "mix"
_CLAMPS: Final = (
    ("max_input_tokens", "context_window", 0),
    ("max_new_tokens", "context_window", 1),
    ("default_new_tokens", "max_new_tokens", 0),
)
"""What is at most what, less how many tokens. An output needs a window with room for one token of input."""


def slug_of(model: str) -> str:
    """A model's name without its provider: what stands behind the first `/`, else all of it."""
    return model.partition("/")[2] or model


def matches(pattern: str, name: str) -> bool:
    """Whether a name is what a pattern says, `*` standing for any text, none included.

    Linear in the name for each part of the pattern: a regular expression of many `*` would not be.
    """
    first, *parts = pattern.split(_ANY)
    if not parts:
        return pattern == name
    last = parts.pop()
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    place, end = len(first), len(name) - len(last)
    for part in parts:
        found = name.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


@frozen
class ProfileTable:
    """All that is known of models. Built by `table_of`."""

    defaults: Defaults = field(factory=Defaults)
    named: Mapping[str, GivenProfile] = field(factory=dict)
    patterns: tuple[GivenProfile, ...] = ()
    """The longest first."""
    warnings: tuple[str, ...] = ()
    """A line for each figure that is larger than its profile allows."""

    def profile_of(self, model: str) -> Profile:
        """What counts for a model; the defaults where nothing is known of it."""
        return _effective(self.given_for(model), self.defaults)

    def given_for(self, model: str) -> GivenProfile | None:
        """What an operator said of a model; None: nothing."""
        slug = slug_of(model)
        for name in (model, slug, f"{_SITE}/{slug}"):
            if name in self.named:
                return self.named[name]
        return next(
            (one for one in self.patterns if matches(one.name, model) or matches(one.name, slug)), None
        )

    @property
    def encodings(self) -> frozenset[str]:
        """Every encoding that a count may need: a process loads these before it listens."""
        given = (*self.named.values(), *self.patterns)
        return frozenset(
            (self.defaults.encoding, *(one.encoding for one in given if one.encoding is not None))
        )


def table_of(given: Iterable[GivenProfile], defaults: Defaults) -> ProfileTable:
    """The table of some profiles. Of two with one name the later counts, whole: give the file's after the setting's."""
    by_name = {one.name: one for one in given}
    patterns = [one for one in by_name.values() if _ANY in one.name]
    return ProfileTable(
        defaults=defaults,
        named={name: one for name, one in by_name.items() if _ANY not in name},
        patterns=tuple(sorted(patterns, key=lambda one: (one.name.count(_ANY) - len(one.name), one.name))),
        warnings=tuple(line for one in by_name.values() for line in _warnings(one, defaults)),
    )


def _effective(given: GivenProfile | None, defaults: Defaults) -> Profile:
    said = GivenProfile(name="", origin=Origin.DEFAULT) if given is None else given
    own = {name: getattr(said, name) for name in FIGURES}
    values: dict[str, Any] = {
        name: getattr(defaults, name, None) if value is None else value for name, value in own.items()
    }
    sources = {
        name: Source(Origin.DEFAULT) if value is None else Source(said.origin, said.name)
        for name, value in own.items()
    }
    for name, bound, less in _CLAMPS:
        most = values[bound] - less
        if values[name] is not None and values[name] > most:
            values[name] = most
            sources[name] = evolve(sources[name], clamped=True)
    return Profile(**values, sources=sources, known=given is not None)


def _warnings(given: GivenProfile, defaults: Defaults) -> Iterator[str]:
    """What an operator wrote and does not count as written. A default that is clamped is nobody's mistake."""
    profile = _effective(given, defaults)
    for name, bound, _ in _CLAMPS:
        source = profile.sources[name]
        if source.clamped and source.origin is not Origin.DEFAULT:
            yield (
                f'profile "{given.name}": {name} {getattr(given, name)} is more than {bound} allows, '
                f"{getattr(profile, name)} counts"
            )


@define
class Fallbacks:
    """Models without a profile that were warned of: each once, as long as it is remembered."""

    size: int
    """Models remembered at most; the one warned of longest ago is forgotten. 0: each request warns."""
    _seen: dict[str, None] = field(factory=dict, init=False)
    total: int = field(default=0, init=False)
    """Requests that were counted by the defaults, for metrics."""

    def is_new(self, model: str) -> bool:
        """Notes that a model has no profile. True: warn of it now."""
        self.total += 1
        if model in self._seen:
            return False
        if self.size:
            self._seen[model] = None
            if len(self._seen) > self.size:
                del self._seen[next(iter(self._seen))]
        return True
