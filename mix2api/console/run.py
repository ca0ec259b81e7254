"""One request: what `mix2api explain` says, the ledger drawn, and each event with the state after it."""

from functools import partial
from typing import Any, Final

from attrs import define

from mix2api.clock import Clock
from mix2api.console.catalogue import Language, text
from mix2api.console.plots import Texts, ledger_bar, time_line
from mix2api.projections.explanation import RunStory
from mix2api.projections.silence import LONG_MS
from mix2api.projections.timeline import Flag, Row, Verdict
from mix2api.sessions.attribution import Cause
from mix2api.store.explaining import Explained, explained
from mix2api.store.finding import Found
from mix2api.store.session_rows import SessionRows
from mix2api.store.store import Store

GAPS: Final = 40
"""Gaps of the ledger that a page lists: the longest."""
_ROWS: Final = 4000
"""Events of one run that a page lists: more than a run may have."""


@define(eq=False)
class RunPage:
    """Makes what its template shows.

    Args:
        store: which has the runs.
        clock: for finding them.
    """

    _store: Store
    _clock: Clock

    async def values(self, word: str, language: Language) -> dict[str, Any] | None:
        """The page of a request id or run id. None: nothing is known of it.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        found = await explained(self._store, word, self._clock)
        if found is None:
            return None
        ledger, word_of = found.page.ledger, partial(text, language)
        longest = sorted(ledger.gaps, key=lambda gap: -gap.ms)[:GAPS]
        return {
            "page": found.page,
            "file": found.file,
            "gaps": sorted(longest, key=lambda gap: gap.from_ms),
            "more_gaps": len(ledger.gaps) - len(longest),
            "long_ms": LONG_MS,
            "line": time_line(ledger, Texts(title=text(language, "run.time_line"), empty="-", word=word_of)),
            "bar": ledger_bar(ledger, Texts(title=text(language, "run.ledger"), empty="-", word=word_of)),
            "rows": await self._rows(found),
            "cause": cause_word,
            "verdict": verdict_word,
            "fact": fact_word,
            "language": language,
        }

    async def _rows(self, found: Explained) -> list[tuple[RunStory, list[Row]]]:
        rows = []
        for story in found.page.runs:
            reader = SessionRows(
                store=self._store, found=Found(session_id=story.session_id, run_id=story.run_id)
            )
            rows.append((story, [row async for row in reader.rows() if row.run_id == story.run_id][:_ROWS]))
        return rows


def cause_word(cause: Cause) -> str:
    """A cause as `mix2api replay` prints it."""
    return cause.end_reason.value if cause.detail is None else f"{cause.end_reason.value}/{cause.detail}"


def verdict_word(row: Row, verdict: Verdict, language: Language) -> str:
    """How the recomputed cause compares with the recorded one."""
    if Flag.DIFFERENCE in row.flags:
        return text(language, "run.differs", cause=cause_word(verdict.recorded))
    if Flag.UNVERIFIABLE in row.flags:
        return text(language, "run.unverifiable", cause=cause_word(verdict.recorded))
    return text(language, "run.as_recorded")


def fact_word(value: object) -> str:
    """A field's value as `mix2api replay` prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
