"""A draft that a person edits: what its form says, and what may stand in it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen

from mix2api.console.catalogue import Language, text
from mix2api.console.graph_text import NotJson, PlacedFault, graph_text, placed, read_json
from mix2api.conversations.fault_texts import FaultKind
from mix2api.conversations.faults import Fault, why
from mix2api.conversations.graph import Graph
from mix2api.conversations.routing import PATTERN_CHARS_MAX, SCORE_MIN
from mix2api.conversations.workflows import KEY_PATTERN, Draft, Settled
from mix2api.errors import InvalidRequest
from mix2api.stepping import in_turn
from mix2api.store.workflow_actions import WorkflowActions
from mix2api.wire.request_bounds import value_steps

_KEY: Final = re.compile(KEY_PATTERN)
_SCORE: Final = re.compile(r"[01](\.[0-9]{1,20})?")


@frozen(kw_only=True)
class DraftForm:
    """What stands in the form, as it was typed."""

    version: int
    """That the text was made from."""
    key: str = field(repr=False)
    pattern: str = field(repr=False)
    score: str
    graph: str = field(repr=False)

    @classmethod
    def of(cls, draft: Draft, graph: Graph) -> "DraftForm":
        """The form of a draft that nobody has edited yet."""
        return cls(
            version=draft.version,
            key=draft.key,
            pattern=draft.pattern or "",
            score=str(draft.score),
            graph=graph_text(graph.as_json()),
        )

    @classmethod
    def sent(cls, form: Mapping[str, str], version: int) -> "DraftForm":
        """The form that a browser sends. It sends line ends as two characters."""
        key, pattern, score = (form.get(name, "").strip() for name in ("key", "pattern", "score"))
        return cls(
            version=version,
            key=key,
            pattern=pattern,
            score=score,
            graph=form.get("graph", "").replace("\r\n", "\n"),
        )

    @property
    def settled(self) -> Settled:
        """The fields besides the graph; they have no fault."""
        return Settled(key=self.key, pattern=self.pattern or None, score=float(self.score))

    def wrong_fields(self, draft: Draft, language: Language) -> Iterator[str]:
        """What is wrong in the fields besides the graph.

        Args:
            draft: as it stands.
            language: of the reader.
        """
        if _KEY.fullmatch(self.key) is None:
            yield text(language, "draft.key_form")
        if len(self.pattern) > PATTERN_CHARS_MAX:
            yield text(language, "draft.pattern_form", most=PATTERN_CHARS_MAX)
        # Whoever has not seen the pattern has taken nothing away: the page of the conflict shows it.
        if not self.pattern and draft.pattern is not None and self.version == draft.version:
            yield text(language, "draft.pattern_stays")
        if _SCORE.fullmatch(self.score) is None or not SCORE_MIN <= float(self.score) <= 1:
            yield text(language, "draft.score_form", least=SCORE_MIN)


async def read_graph_text(said: str, actions: WorkflowActions) -> Graph | list[PlacedFault]:
    """The graph that a text is, or its faults with their lines."""
    try:
        await in_turn(value_steps(said.encode("utf-8", "replace")))
        graph: Any = read_json(said)
    except InvalidRequest as fault:
        return [PlacedFault(Fault("", why(FaultKind.TOO_MUCH, said=fault.message)), 1, "")]
    except NotJson as fault:
        return [fault.fault]
    checked = await actions.checked(graph)
    return checked if isinstance(checked, Graph) else await in_turn(placed(said, checked))
