"""The views that show: each gives the template of a page what the page is made of."""

from typing import Any, Final

from attrs import define, field
from quart import Response, request

from mix2api.console.accounts import AccountsPage
from mix2api.console.asking import address
from mix2api.console.door_views import see_other
from mix2api.console.freshness import SharedReading
from mix2api.console.live import Parts, Watched
from mix2api.console.overview import Overview
from mix2api.console.parts import Console, Turned
from mix2api.console.release import ReleasePage
from mix2api.console.rendering import ASSETS
from mix2api.console.run import RunPage
from mix2api.console.runs import Runs
from mix2api.console.session import SessionPage

_YEAR_S: Final = 31_536_000
_OVERVIEW: Final = "1h"
"""The range of an overview whose address names none."""
_RELEASE_S: Final = 2.0
"""For which one reading of the release serves all who watch it."""
_LIVE: Final = frozenset({"overview", "processes", "release"})


@define(eq=False)
class PageViews:
    """The views.

    Args:
        console: whose pages they are.
    """

    _console: Console
    _accounts: AccountsPage = field(init=False)
    _overview: Overview = field(init=False)
    _runs: Runs = field(init=False)
    _release_page: ReleasePage = field(init=False)
    _release: SharedReading[dict[str, Any]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        console = self._console
        self._accounts = AccountsPage(console.ports.pools)
        self._overview = Overview(console.following, console.census, self._accounts)
        self._runs = Runs(console.following)
        self._release_page = ReleasePage(console.store)
        self._release = SharedReading(self._release_page.standing, _RELEASE_S)

    async def overview(self) -> Response:
        """Service levels, ended runs, processes."""
        asked = self._console.asked(_OVERVIEW)
        values = await self._overview.values(asked, self._console.reader().language)
        return self._console.page("overview", live=asked.link("/live/overview"), **values)

    async def runs(self) -> Response:
        """The list of runs; the run itself where a search has found just one."""
        values = await self._runs.values(self._console.asked("24h"), self._console.reader().language)
        only = self._runs.only(values)
        return self._console.page("runs", **values) if only is None else see_other(only)

    async def run(self) -> Response:
        """One request."""
        word = request.args.get("id", "").strip()
        page = RunPage(self._console.store, self._console.clock)
        values = await page.values(word, self._console.reader().language)
        if values is None and await SessionPage(self._console.store).values(word) is not None:
            return see_other(address("/session", {"id": word}))
        return self._shown_or_unknown("run", word, values)

    async def session(self) -> Response:
        """One session."""
        word = request.args.get("id", "").strip()
        values = await SessionPage(self._console.store).values(word)
        said = request.args.get("said", "")
        return self._shown_or_unknown("session", word, None if values is None else {**values, "said": said})

    async def processes(self) -> Response:
        """The live processes and the shards without an owner."""
        counted = await self._console.census.value()
        return self._console.page("processes", live="/live/processes", counted=counted)

    async def live(self, name: str) -> Response:
        """The parts of a page that have changed, as they change (server-sent events).

        Raises:
            Turned: the page is not live, the address has a wrong value, or there are too many watchers.
        """
        console, reader = self._console, self._console.reader()
        if name not in _LIVE or reader.signed_in is None:
            raise Turned(404, "error.not_found")
        asked, arguments = console.asked(_OVERVIEW), request.args.to_dict()

        async def parts() -> Parts:
            if name == "processes":
                values: dict[str, Any] = {"counted": await console.census.value()}
            elif name == "release":
                values = await self._release.value() or await self._release_page.standing()
            else:
                values = await self._overview.values(console.asked_by(arguments, _OVERVIEW), reader.language)
            return console.renderer.parts(name, reader, console.state, values)

        watched = Watched(name, tuple(sorted(asked.given.items())), reader.language, reader.signed_in.role)
        reach_ms = asked.wanted.until_ms - asked.wanted.since_ms if name == "overview" else 0
        return console.stream(reader.signed_in, watched, parts, reach_ms)

    async def accounts(self) -> Response:
        """The accounts of the upstreams, and the bindings to those of one."""
        values = await self._accounts.values(request.args.get("bindings", ""))
        return self._console.page("accounts", **values)

    async def models(self) -> Response:
        """The models' limits, and how runs stood to them."""
        budgets = self._console.following.budgets
        return self._console.page(
            "models",
            profiles=self._console.options.profiles,
            since_ms=None if budgets is None else budgets.since_ms,
            figures={} if budgets is None else budgets.tally.by_model(),
        )

    async def settings(self) -> Response:
        """The effective settings, secrets masked."""
        rows = self._console.options.settings
        return self._console.page("settings", rows=rows)

    async def asset(self, name: str) -> Response:
        """A file of the package; its address changes with its content."""
        if name not in ASSETS:
            raise Turned(404, "error.not_found")
        answer = Response(self._console.renderer.assets[name], content_type=ASSETS[name])
        answer.headers["cache-control"] = f"public, max-age={_YEAR_S}, immutable"
        return answer

    def _shown_or_unknown(self, name: str, word: str, values: dict[str, Any] | None) -> Response:
        if values is None:
            return self._console.page("unknown", status=404, word=word)
        return self._console.page(name, **values)
