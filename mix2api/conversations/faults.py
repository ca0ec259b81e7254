"""What is wrong with a graph, in no language yet: a kind, and what stands in the places of its text. Pure.

Faults quote ids of nodes, so a fault is content: it may be told to its writer and stored sealed, and stands in no log and no
exception.
"""

from collections.abc import Mapping

from attrs import field, frozen

from mix2api.conversations.fault_texts import ENGLISH, FaultKind


@frozen
class Why:
    """What is wrong, in no language yet."""

    kind: FaultKind
    values: Mapping[str, "str | int | Why"] = field(factory=dict, repr=False)
    """What stands in the places of its text."""

    def told_in(self, texts: Mapping[FaultKind, str]) -> str:
        """The text in one language: kind -> its text."""
        filled = {
            name: value.told_in(texts) if isinstance(value, Why) else value
            for name, value in self.values.items()
        }
        return texts[self.kind].format(**filled)

    def __str__(self) -> str:
        """The English."""
        return self.told_in(ENGLISH)


def why(kind: FaultKind, **values: "str | int | Why") -> Why:
    """A fault of that kind, with what stands in the places of its text."""
    return Why(kind, values)


@frozen
class Fault:
    """One thing that is wrong."""

    path: str
    """Such as `nodes[2].agentKey`; empty where it is about the whole."""
    why: Why

    def told_in(self, texts: Mapping[FaultKind, str]) -> str:
        """Such as `nodes[2].type: must be WORKER or CRITIC`, in one language."""
        said = self.why.told_in(texts)
        return f"{self.path}: {said}" if self.path else said

    def __str__(self) -> str:
        """The English."""
        return self.told_in(ENGLISH)


Faults = tuple[Fault, ...]
"""Never empty, and of one graph at most `graph_reading.FAULTS_MAX`."""
