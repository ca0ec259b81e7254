"""The list of runs: searched over all that the index holds, filtered, in pages."""

from collections.abc import Iterable
from typing import Any, Final

from attrs import define

from mix2api.console.asking import Asked, address, mark_word
from mix2api.console.catalogue import Language, text
from mix2api.console.following import Following
from mix2api.console.overview import SPANS
from mix2api.console.plots import Texts, sparkline
from mix2api.projections.run_block import RunKind
from mix2api.projections.run_index import REFUSED, RunIndex
from mix2api.projections.run_search import FAILED, is_failed, search
from mix2api.projections.run_series import series
from mix2api.stepping import in_turn

ROWS: Final = 50
"""Of a page."""


@define(eq=False)
class Runs:
    """Makes what its template shows.

    Args:
        following: the projections.
    """

    _following: Following

    async def values(self, asked: Asked, language: Language) -> dict[str, Any]:
        """One page, the words of the filters, and the sparkline."""
        index = self._following.index
        page = await in_turn(search(index, asked.wanted, asked.after, ROWS))
        spans = await in_turn(series(index, asked.wanted, SPANS))

        def link(since_ms: int, until_ms: int, _: str | None) -> str:
            return asked.link("/runs", range=None, since=str(since_ms), until=str(until_ms))

        texts = Texts(title=text(language, "overview.ended"), empty="")
        return {
            "asked": asked,
            "page": page,
            "older": None if page.next is None else asked.link("/runs", after=mark_word(page.next)),
            "newest": None if asked.after is None else asked.link("/runs"),
            "words": words_of(index),
            "spark": sparkline(spans, link, texts),
            "dropped": index.dropped,
            "is_failed": is_failed,
            "refused": REFUSED,
            "failed": FAILED,
            "run_link": _run_link,
        }

    def only(self, values: dict[str, Any]) -> str | None:
        """The address of the run that a search has found, if its word is the whole id of just one."""
        asked, rows = values["asked"], values["page"].rows
        if len(rows) != 1 or asked.after is not None:
            return None
        row = rows[0]
        whole = asked.wanted.word and asked.wanted.word in {row.request_id, row.run_id}
        return _run_link(asked.wanted.word) if whole else None


def _run_link(word: str) -> str:
    return address("/run", {"id": word})


def words_of(index: RunIndex) -> dict[str, list[str]]:
    """The words that the filters offer: those that occur."""

    def words(of: Iterable[str | None]) -> list[str]:
        return sorted({word for word in of if word})

    kinds: list[RunKind] = index.kinds
    return {
        "reason": words(kind.reason for kind in kinds),
        "client": words(kind.client for kind in kinds),
        "model": words(kind.model for kind in kinds),
        "channel": words(kind.channel for kind in kinds),
        "account": words(kind.account for kind in kinds),
    }
