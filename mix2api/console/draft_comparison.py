"""What differs between two versions of a draft, side by side: by field, by node, by edge. Pure, and linear in both."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen

from mix2api.console.graph_text import graph_text

_FIELDS: Final = ("draftKey", "pattern", "score")


@frozen
class Difference:
    """One thing that two versions say differently. Empty where a version does not have it."""

    what: str = field(repr=False)
    """Such as `pattern` or `nodes: write`."""
    yours: str = field(repr=False)
    stands: str = field(repr=False)


def differences(yours: Mapping[str, Any], stands: Mapping[str, Any]) -> list[Difference]:
    """What differs, in the order of the page.

    Args:
        yours: a draft as the API shows it, its graph without a fault.
        stands: another version of it.
    """
    found = [
        Difference(name, _shown(yours[name]), _shown(stands[name]))
        for name in _FIELDS
        if yours[name] != stands[name]
    ]
    mine, theirs = yours["graph"], stands["graph"]
    found += _of_list("nodes", mine, theirs, lambda node: node["id"])
    found += _of_list("edges", mine, theirs, lambda edge: f"{edge['from']} → {edge['to']}")
    if mine["summarize"] != theirs["summarize"]:
        found.append(Difference("summarize", _shown(mine["summarize"]), _shown(theirs["summarize"])))
    return found


def _of_list(
    kind: str, mine: Mapping[str, Any], theirs: Mapping[str, Any], name: Callable[[Mapping[str, Any]], str]
) -> Iterator[Difference]:
    """The elements of a list that one version lacks, or that differ. Their order alone is no difference of an element."""
    by_name = [{name(one): one for one in graph[kind]} for graph in (mine, theirs)]
    for each in dict.fromkeys((*by_name[0], *by_name[1])):
        one, other = by_name[0].get(each), by_name[1].get(each)
        if one != other:
            yield Difference(f"{kind}: {each}", _shown(one), _shown(other))
    if kind == "nodes" and list(by_name[0]) != list(by_name[1]) and set(by_name[0]) == set(by_name[1]):
        yield Difference(kind, ", ".join(by_name[0]), ", ".join(by_name[1]))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return graph_text(value) if isinstance(value, dict) else str(value)
