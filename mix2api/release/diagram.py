"""The diagram of `docs/release.md`, rendered from the table of steps: `python -m mix2api.release.diagram`."""

import sys
from collections.abc import Iterator

from mix2api.release.stages import TRANSITIONS, Stage


def diagram() -> str:
    """The stages and what leads from one to another, as Mermaid."""
    return "\n".join(["```mermaid", "stateDiagram-v2", *_arrows(), "```"])


def _arrows() -> Iterator[str]:
    for start in Stage:
        for target in Stage:
            triggers = [why for (at, why), to in TRANSITIONS.items() if at is start and to is target]
            if triggers:
                yield f"    {_name(start)} --> {_name(target)}: {' or '.join(triggers)}"


def _name(stage: Stage) -> str:
    return f"at_{stage}" if stage.isdigit() else stage.value


if __name__ == "__main__":
    sys.stdout.write(diagram() + "\n")
