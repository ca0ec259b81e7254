"""What the site says where it is asked to plan or to judge: a graph of tasks, or a verdict. Pure.

It knows such a question by the system message. A planner that was refused asks again in one context, so the number of user
messages says which draft is due. Without a directive the site drafts a good graph and lets every work pass. The words of a
user's message that shape an answer (`say`, `chunks`) are for the tasks then, not for the plan.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from mix2api.demo.contexts import Kept
from mix2api.demo.directives import Directives, find_directives
from mix2api.demo.words import Word

PLANS: Final = "Answer with a graph of tasks, as one JSON object"
"""Stands in the system message of a planner's question."""
JUDGES: Final = 'Answer with one JSON object and nothing else: {"pass": true}'
"""Stands in the system message of a critic's question."""
REFINED: Final = "Your answer was judged"
"""Begins the user message by which work is sent back: the site quotes it in the new work."""
_SYSTEM: Final = frozenset({"system", "developer"})
_HUGE_CHARS: Final = 1_000_000
_MESSAGE: Final = "{{context.message}}"


def planned_answer(context: Sequence[Kept], query: str) -> str | None:
    """The whole text of the answer to a planner's or a critic's question; None for any other one.

    Raises:
        WrongDirective: as `find_directives` does.
    """
    told = (query, *(one.seen.text for one in context if one.seen.role in _SYSTEM))
    plans, judges = (any(phrase in text for text in told) for phrase in (PLANS, JUDGES))
    if not plans and not judges:
        return None
    asked = [one.seen.text for one in context if one.seen.role == "user"] or [query]
    words = Directives(
        {word: value for text in asked for word, value in find_directives(text).values.items()}
    )
    if plans:
        kinds = words.text(Word.DRAFTS, "good").split(",")
        return _DRAFTS[kinds[min(len(asked), len(kinds)) - 1]]()
    return _verdict(words.text(Word.VERDICT, "pass"), "\n".join(asked))


def _verdict(kind: str, asked: str) -> str:
    refused = '{"pass": false, "feedback": "Say it in other words."}'
    verdicts = {
        "pass": '{"pass": true}',
        "fail": refused,
        "once": '{"pass": true}' if REFINED in asked else refused,
        "prose": "This is good work.",
    }
    return verdicts[kind]


def _worker(node_id: str, text: str = _MESSAGE, **fields: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "WORKER", "agentKey": "assistant", "input": text, **fields}


def _critic(node_id: str, target: str) -> dict[str, Any]:
    text = f"Is this a good answer to {_MESSAGE}?\n{{{{nodes.{target}.output}}}}"
    return {"id": node_id, "type": "CRITIC", "agentKey": "assistant", "target": target, "input": text}


def _graph(*nodes: dict[str, Any], edges: Sequence[str] = (), summarize: bool = False) -> str:
    pairs = [dict(zip(("from", "to"), edge.split(), strict=True)) for edge in edges]
    return msgspec.json.encode({"nodes": nodes, "edges": pairs, "summarize": summarize}).decode()


def _wide(*, summarize: bool = False) -> str:
    return _graph(_worker("left"), _worker("right"), summarize=summarize)


def _chain() -> str:
    last = _worker("last", "Go on from this: {{nodes.first.output}}")
    return _graph(_worker("first"), _critic("check", "first"), last, edges=("check last",))


_DRAFTS: Final[dict[str, Callable[[], str]]] = {
    "good": lambda: _graph(_worker("answer"), _critic("review", "answer")),
    "single": lambda: _graph(_worker("answer")),
    "chain": _chain,
    "wide": _wide,
    "summed_up": lambda: _wide(summarize=True),
    "fenced": lambda: f"Here is the plan:\n```json\n{_graph(_worker('answer'))}\n```",
    "hanging": lambda: _graph(_worker("answer", "[[hang]]"), _worker("after"), edges=("answer after",)),
    "hanging_once": lambda: _graph(_worker("answer", f"[[hang]] [[once:{_MESSAGE}]]")),
    "failing": lambda: _graph(_worker("answer", "[[status:500]]"), _worker("after"), edges=("answer after",)),
    "cyclic": lambda: _graph(_worker("a"), _worker("b"), edges=("a b", "b a")),
    "empty": str,
    "prose": lambda: "I would first read the message, then answer it.",
    "broken": lambda: _graph(_worker("answer"))[:-2],
    "huge": lambda: _graph(_worker("answer", "x" * _HUGE_CHARS)),
    "many": lambda: _graph(*(_worker(f"n{number}") for number in range(1000))),
    "stranger": lambda: _graph(_worker("answer", agentKey="nobody")),
    "hostile": lambda: _graph(_worker("answer", "{% for i in range(1000000000) %}x{% endfor %}")),
    "missing": lambda: _graph(_worker("answer", "{{context.absent}}")),
}
