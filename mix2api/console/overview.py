"""The first page: service levels, ended runs, times, processes. From memory, and two round trips for the heartbeats."""

from typing import Any, Final

from attrs import define, field

from mix2api.console.accounts import AccountRow, AccountsPage
from mix2api.console.asking import Asked, address
from mix2api.console.catalogue import Language, text
from mix2api.console.following import Following
from mix2api.console.freshness import SharedReading
from mix2api.console.plots import Texts, lines, stacked
from mix2api.projections.run_series import Span, series
from mix2api.projections.slo_report import BURNS, OBJECTIVES, Level, Verdict
from mix2api.stepping import in_turn
from mix2api.store.census import Counted

SPANS: Final = 60
"""Bars of a plot: as many as can be told apart and hit with a finger on a wide screen."""

_ACCOUNTS_S: Final = 2.0
"""For which one reading of the accounts serves all pages."""


@define(eq=False)
class Overview:
    """Makes what its template shows.

    Args:
        following: the projections.
        census: the processes.
        accounts: of the upstreams.
    """

    _following: Following
    _census: SharedReading[Counted]
    _accounts: AccountsPage
    _account_rows: SharedReading[dict[str, list[AccountRow]]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._account_rows = SharedReading(self._accounts.rows, _ACCOUNTS_S)

    async def values(self, asked: Asked, language: Language) -> dict[str, Any]:
        """The figures and plots of the asked time."""
        spans = await in_turn(series(self._following.index, asked.wanted, SPANS))
        report = self._following.slo
        return {
            "asked": asked,
            "burns": tuple(BURNS),
            "levels": () if report is None else _by_client(report.levels),
            "objectives": tuple(each.name for each in OBJECTIVES),
            "counted": await self._census.value(),
            "accounts": [row for rows in (await self._account_rows.value() or {}).values() for row in rows],
            "budgets": None if self._following.budgets is None else self._following.budgets.tally.total(),
            "runs": sum(span.runs for span in spans),
            "failed": sum(span.failed for span in spans),
            **plots(spans, asked, language),
        }


def plots(spans: tuple[Span, ...], asked: Asked, language: Language) -> dict[str, Any]:
    """The three plots."""

    def link(since_ms: int, until_ms: int, reason: str | None) -> str:
        return address(
            "/runs",
            {**asked.given, "range": None, "since": str(since_ms), "until": str(until_ms), "reason": reason},
        )

    def texts(key: str) -> Texts:
        return Texts(title=text(language, key), empty=text(language, "overview.nothing"))

    return {
        "ended": stacked(spans, link, texts("overview.ended")),
        "first_token": lines(spans, lambda span: span.first_ms, texts("overview.first_token")),
        "total": lines(spans, lambda span: span.total_ms, texts("overview.total")),
    }


def _by_client(levels: tuple[Level, ...]) -> tuple[tuple[str, dict[str, Level], bool], ...]:
    """Client, its levels by name, and whether one of them is a breach: those clients first, behind the row of all."""
    rows: dict[str, dict[str, Level]] = {}
    for level in levels:
        rows.setdefault(level.client, {})[level.name] = level
    found = [
        (client, named, any(level.verdict is Verdict.BREACH for level in named.values()))
        for client, named in rows.items()
        if any(level.total for level in named.values())
    ]
    return tuple(sorted(found, key=lambda row: (row[0] != "all", not row[2], row[0])))
