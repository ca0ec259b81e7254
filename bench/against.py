"""The work tree against a commit: copies both, measures them in turn, gives the report and the verdict."""

from pathlib import Path

from against_report import passed, render_comparison
from builds import describe, describe_work_tree, differing_dependencies, new_build, old_build
from comparison import Asked, Comparing, Tell
from pairs import NEW, OLD
from report import machine_line
from results import this_machine


def compare(commit: str, asked: Asked, work: Path, tell: Tell) -> tuple[str, bool]:
    """The text of the report, and whether every row was measured and none is worse.

    Raises:
        NoSuchBuild: there is no such commit.
        DidNotStart: one of the builds cannot be imported.
    """
    beside = "".join(f", {name}={value}" for name, value in asked.settings.items())
    builds = {OLD: describe(commit), NEW: describe_work_tree() + beside}
    old, new = old_build(commit, work / OLD), new_build(work / NEW, asked.settings)
    differing = differing_dependencies(old, new)
    for line in differing:
        tell(f"only one build asks for {line}; both run on what is installed")
    found = Comparing(asked, (old, new), work, tell).run()
    machine = machine_line(this_machine({}))
    return render_comparison(found, asked, builds, differing, machine), passed(found)
