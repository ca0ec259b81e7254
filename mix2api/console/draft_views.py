"""The views of drafts, for the role `user` alone: a draft is shown, edited and published by its owner."""

import re
from typing import Any, Final

from attrs import define, evolve, field
from quart import Response, request

from mix2api.console.asking import address
from mix2api.console.catalogue import FAULTS, text
from mix2api.console.conversation_views import ConversationViews
from mix2api.console.door_views import see_other
from mix2api.console.draft import DraftForm, read_graph_text
from mix2api.console.draft_comparison import differences
from mix2api.console.graph_text import placed
from mix2api.console.options import ConversationOptions
from mix2api.console.parts import Console, Turned
from mix2api.conversations.graph import Graph
from mix2api.conversations.routing import PATTERN_CHARS_MAX
from mix2api.conversations.workflows import Draft, Settled, draft_view, edited
from mix2api.errors import Conflict, InvalidRequest
from mix2api.stepping import in_turn
from mix2api.store.workflow_actions import UnusableGraph, WorkflowActions

_DRAFT: Final = re.compile(r"draft_[0-9a-f]{32}(_[0-9]{1,2})?")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,14}")
_SAID: Final = frozenset({"saved", "published"})


@define(eq=False)
class DraftViews:
    """The views. Each change leaves a line in the log that says which user did what, without content.

    Args:
        console: whose they are.
        options: of the conversations.
        views: know whose drafts the reader sees.
    """

    _console: Console
    _options: ConversationOptions
    _views: ConversationViews
    _actions: WorkflowActions = field(init=False)

    def __attrs_post_init__(self) -> None:
        options, store = self._options, self._console.store
        workflows = store.workflows(options.shards, options.life_ms)
        self._actions = WorkflowActions(workflows=workflows, agents=options.agents, clock=self._console.clock)

    async def show(self) -> Response:
        """A draft as it stands now, in the form that edits it.

        Raises:
            Turned: the reader has no such draft.
        """
        draft, graph = await self._draft(request.args.get("id", ""))
        said = request.args.get("said", "")
        return self._page(draft, DraftForm.of(draft, graph), said=said if said in _SAID else "")

    async def edit(self) -> Response:
        """Writes the next version of a draft. A form that is not taken stays on the page, which says why.

        Raises:
            Turned: the form is of no page of ours, or the reader has no such draft.
        """
        sent = await request.form
        draft, _ = await self._draft(sent.get("id", ""))
        form = DraftForm.sent(sent, _version(sent.get("version", "")))
        wrong = list(form.wrong_fields(draft, self._console.reader().language))
        read = await read_graph_text(form.graph, self._actions)
        if wrong or not isinstance(read, Graph):
            return self._page(draft, form, 400, wrong=wrong, faults=() if isinstance(read, Graph) else read)
        try:
            done = await self._actions.edit(
                self._views.owner(), draft.draft_id, form.version, form.settled, read
            )
        except Conflict as fault:
            self._console.tell_change("edit", draft.draft_id, "conflict")
            return await self._conflict(draft.draft_id, form, read, fault.current)
        if done is None:
            raise Turned(404, "draft.unknown")
        self._console.tell_change("edit", draft.draft_id, "done")
        return see_other(address("/draft", {"id": draft.draft_id, "said": "saved"}))

    async def publish(self) -> Response:
        """Makes a definition of the version that the page has shown.

        Raises:
            Turned: the form is of no page of ours, or the reader has no such draft.
        """
        sent, language = await request.form, self._console.reader().language
        draft, graph = await self._draft(sent.get("id", ""))
        version = _version(sent.get("version", ""))
        try:
            made = await self._actions.publish(self._views.owner(), draft.draft_id, version, Settled())
        except UnusableGraph as fault:
            form = DraftForm.of(draft, graph)
            faults = await in_turn(placed(form.graph, fault.faults))
            self._console.tell_change("publish", draft.draft_id, "refused")
            return self._page(draft, form, fault.status, faults=faults)
        except InvalidRequest as fault:
            is_stale = isinstance(fault, Conflict) and fault.current is not None
            self._console.tell_change("publish", draft.draft_id, "conflict" if is_stale else "refused")
            why = text(language, "draft.moved_on", version=draft.version) if is_stale else fault.message
            return self._page(draft, DraftForm.of(draft, graph), fault.status, wrong=[why])
        if made is None:
            raise Turned(404, "draft.unknown")
        self._console.tell_change("publish", made[0].definition_id, "done")
        return see_other(address("/draft", {"id": draft.draft_id, "said": "published"}))

    async def _conflict(self, draft_id: str, form: DraftForm, graph: Graph, stands: Any) -> Response:
        """The page of an edit that was made from another version: what differs, and what was typed, ready to be saved once more."""
        draft, _ = await self._draft(draft_id)
        # Of the form alone: `edited` would take a pattern that is left empty from the version that stands.
        mine = {**draft_view(edited(draft, form.settled, 0), graph), "pattern": form.pattern or None}
        again = evolve(form, version=stands["version"])
        return self._page(
            draft, again, 409, compared=differences(mine, stands), stands=stands["version"], made=form.version
        )

    async def _draft(self, draft_id: str) -> tuple[Draft, Graph]:
        found = None
        if _DRAFT.fullmatch(draft_id) is not None:
            found = await self._actions.draft(self._views.owner(), draft_id)
        if found is None:
            raise Turned(404, "draft.unknown")
        return found

    def _page(self, draft: Draft, form: DraftForm, status: int = 200, **values: Any) -> Response:
        known: dict[str, Any] = {
            "said": "",
            "wrong": (),
            "faults": (),
            "compared": None,
            "stands": 0,
            "made": 0,
        }
        return self._console.page(
            "draft",
            status=status,
            stateless=True,
            draft=draft,
            form=form,
            pattern_most=PATTERN_CHARS_MAX,
            fault_texts=FAULTS[self._console.reader().language],
            **(known | values),
        )


def _version(said: str) -> int:
    if _VERSION.fullmatch(said) is None:
        raise Turned(400, "error.bad_query", field="version")
    return int(said)
