"""Templates to pages. Everything that a template shows is escaped, and a name that a template misspells is an error."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from attrs import define, field, frozen
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mix2api.console.asking import RANGES
from mix2api.console.catalogue import Language, text
from mix2api.console.plots import duration, fault_class
from mix2api.console.sign_in import SignedIn

ASSETS: Final[Mapping[str, str]] = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""Files of `assets/` -> their type."""
_LIVE: Final = "live_"
"""Begins the names of blocks that are sent anew when they change."""


@frozen(kw_only=True)
class State:
    """How true the figures of a page are."""

    as_of_ms: int | None
    """None: the log is being read for the first time."""
    away_since_ms: int | None
    """None: the store answers."""


@frozen(kw_only=True)
class Reader:
    """Who looks at a page, and how."""

    language: Language
    signed_in: SignedIn | None
    path: str
    """Of the page that is looked at, for the links that change the language or sign out."""


@define
class Renderer:
    """Renders the templates of this package."""

    assets: Mapping[str, bytes] = field(init=False)
    """Name -> content."""
    version: str = field(init=False)
    """Of the assets, for their addresses: they change with the content."""
    _environment: Environment = field(init=False)

    def __attrs_post_init__(self) -> None:
        folder = files("mix2api.console") / "assets"
        self.assets = {name: (folder / name).read_bytes() for name in ASSETS}
        self.version = sha256(b"".join(self.assets.values())).hexdigest()[:12]
        self._environment = Environment(
            loader=PackageLoader("mix2api.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            moment=moment,
            ticked=ticked,
            utc=utc,
            duration=_duration,
            percent=percent,
            fault_class=fault_class,
        )

    def page(self, name: str, reader: Reader, state: State | None, values: Mapping[str, Any]) -> str:
        """A whole page.

        Args:
            name: of the template, without its ending.
            reader: who looks.
            state: of the figures; None on a page that has none.
            values: what the template shows.
        """
        return self._environment.get_template(f"{name}.html").render(self._names(reader, state, values))

    def parts(
        self, name: str, reader: Reader, state: State | None, values: Mapping[str, Any]
    ) -> dict[str, str]:
        """The parts of a page that are live, by the ids of their elements: the template's blocks `live_<id>`."""
        template = self._environment.get_template(f"{name}.html")
        frame = self._environment.get_template("frame.html")
        context = template.new_context(self._names(reader, state, values))
        blocks = {**frame.blocks, **template.blocks}
        return {
            block.removeprefix(_LIVE): "".join(render(context))
            for block, render in blocks.items()
            if block.startswith(_LIVE)
        }

    def _names(self, reader: Reader, state: State | None, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "t": partial(text, reader.language),
            "reader": reader,
            "state": state,
            "version": self.version,
            "ranges": RANGES,
            **values,
        }


def moment(at_ms: int | None) -> Markup:
    """A time: UTC in the page and on hover; the script shows it in the reader's zone."""
    if at_ms is None:
        return Markup("-")
    whole = f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(whole, utc(at_ms))


def ticked(said: str) -> Markup:
    """A text whose words between backticks are code."""
    plain = said.split("`")
    if len(plain) % 2 == 0:
        return escape(said)
    code = Markup("<code>{}</code>")
    return Markup("").join(
        code.format(part) if place % 2 else escape(part) for place, part in enumerate(plain)
    )


def utc(at_ms: int) -> str:
    """Month, day and time of day."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%m-%d %H:%M:%S}"


def percent(share: float | None) -> str:
    """A share of one: `99.95%`; nothing was measured: `-`."""
    return "-" if share is None else f"{share:.2%}"


def _duration(ms: float | None) -> str:
    return "-" if ms is None else duration(ms)
