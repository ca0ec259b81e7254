"""The views of the release: its page, a report, and what an operator says."""

from base64 import b64encode
from hashlib import sha256
from typing import Final

from attrs import define, field
from quart import Response, request

from mix2api.console.asking import address
from mix2api.console.catalogue import text
from mix2api.console.door_views import see_other
from mix2api.console.parts import Console, Turned
from mix2api.console.release import BadWord, ReleasePage, order_of
from mix2api.release.reasons import WHY_CHARS
from mix2api.release.release import StepRefused
from mix2api.release.report import STYLE, html_page

_REPORT_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""A report is one file with its style inside: that style is allowed by its hash, and nothing else."""


@define(eq=False)
class ReleaseViews:
    """The views.

    Args:
        console: whose they are.
    """

    _console: Console
    _page: ReleasePage = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._page = ReleasePage(self._console.store)

    async def show(self) -> Response:
        """The release that stands, and how it came there."""
        return await self._shown(is_repeat=request.args.get("said") == "repeat")

    async def report(self) -> Response:
        """The evidence of a rollback, as `mix2api release report --html` writes it.

        Raises:
            Turned: nothing is kept under that id.
        """
        name = request.args.get("id", "")
        evidence = await self._page.report(name)
        if evidence is None:
            raise Turned(404, "release.no_report", id=name)
        told = await self._console.store.gateway.of(evidence.release)
        answer = Response(html_page(evidence, told), content_type="text/html; charset=utf-8")
        answer.headers["content-security-policy"] = _REPORT_POLICY
        return answer

    async def change(self) -> Response:
        """Does what a form says. A refusal is answered with the page and its words; what was typed stays.

        Raises:
            Turned: a field that no page of ours sends.
        """
        form, signed_in = await request.form, self._console.reader().signed_in
        typed = form.get("why", "")
        try:
            order = order_of(form, "" if signed_in is None else signed_in.admin)
        except BadWord as fault:
            if str(fault) != "why":
                raise Turned(400, "error.bad_query", field=str(fault)) from None
            wrong = text(self._console.reader().language, "release.why_wanted", most=WHY_CHARS)
            return await self._shown(400, wrong=wrong, why=typed)
        try:
            obeyed = await self._console.ports.change_release(order)
        except StepRefused as fault:
            self._console.tell_change(order.action.value, order.release or "", "refused")
            return await self._shown(409, refused=str(fault), why=typed)
        said = "repeat" if obeyed.is_repeat else None
        self._console.tell_change(order.action.value, order.release or "", said or "done")
        return see_other(address("/release", {"said": said}))

    async def _shown(
        self, status: int = 200, *, refused: str = "", wrong: str = "", why: str = "", is_repeat: bool = False
    ) -> Response:
        values = await self._page.values()
        return self._console.page(
            "release",
            status=status,
            live="/live/release",
            refused=refused,
            wrong=wrong,
            why=why,
            is_repeat=is_repeat,
            **values,
        )
