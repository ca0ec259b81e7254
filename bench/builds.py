"""The two builds that are compared: each a copy of the package in a directory of its own.

Both are copied, the work tree too: what somebody edits during the run changes nothing, and the two start alike. No
network is needed. Both run with this interpreter and its installed dependencies.
"""

import io
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pairs import NEW, OLD, changed_dependencies
from peers.product import Build
from processes import DidNotStart
from targets import HERE

_ROOT = HERE.parent
_PACKAGE, _PROJECT = "mix2api", "pyproject.toml"
_LIMIT_S = 60


class NoSuchBuild(Exception):
    """The commit is not there, or holds no package."""


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, check=False, timeout=_LIMIT_S)
    if done.returncode:
        raise NoSuchBuild(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def describe(commit: str) -> str:
    """The short hash of a commit and its subject.

    Raises:
        NoSuchBuild: there is no such commit.
    """
    return _git("log", "-1", "--format=%h %s", "--end-of-options", commit, "--").decode().strip()


def describe_work_tree() -> str:
    """The commit of the work tree, and whether it has changes of its own."""
    dirty = _git("status", "--porcelain", "--untracked-files=no", "--", _PACKAGE)
    return describe("HEAD") + (", with changes" if dirty else "")


def old_build(commit: str, into: Path) -> Build:
    """The package as it was at a commit.

    Raises:
        NoSuchBuild: there is no such commit, or it holds no package.
    """
    packed = _git("archive", "--format=tar", describe(commit).partition(" ")[0], _PACKAGE, _PROJECT)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(into, filter="data")
    return _checked(OLD, into)


def new_build(into: Path, settings: Mapping[str, str]) -> Build:
    """The package as it stands in the work tree, run with these settings beside the everyday ones."""
    shutil.copytree(_ROOT / _PACKAGE, into / _PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_ROOT / _PROJECT, into / _PROJECT)
    return replace(_checked(NEW, into), settings=settings)


def _checked(name: str, source: Path) -> Build:
    """A build whose own copy is what Python imports: else both sides would measure the installed one.

    Raises:
        DidNotStart: it is not, or it cannot be imported.
    """
    build = Build(name=name, source=source)
    program = f"import {_PACKAGE}; print({_PACKAGE}.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=build.environment(source / "data"),
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT_S,
    )
    found = Path(done.stdout.strip())
    if done.returncode or not found.is_relative_to(source):
        raise DidNotStart(f"the {name} build is not what is imported: {found} {done.stderr[-500:]}")
    return build


def _dependencies(build: Build) -> list[str]:
    project = tomllib.loads(((build.source or _ROOT) / _PROJECT).read_text())["project"]
    extra = project.get("optional-dependencies", {}).get("embedded", [])
    return [*project.get("dependencies", ()), *extra]


def differing_dependencies(old: Build, new: Build) -> list[str]:
    """What the two ask for differently. Both are measured with what is installed, so the report has to say it."""
    return changed_dependencies(_dependencies(old), _dependencies(new))
