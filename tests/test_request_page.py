"""What `docs/request.md` names exists: files, classes and functions, and the pages that it links."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "request.md").read_text(encoding="utf-8")
_REFERENCE = re.compile(r"`([\w/.-]+\.(?:py|jsonl))(?:::([\w.]+))?`")
_FOLDER = re.compile(r"`([a-z_/0-9]+/)`")
REFERENCES = sorted(set(_REFERENCE.findall(PAGE)))


def _place(path: str) -> Path:
    return ROOT / path if path.startswith("tests/") else ROOT / "mix2api" / path


def _names(path: Path) -> set[str]:
    """All classes and functions of a module, members as `Class.member`."""
    found: set[str] = set()

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


def test_the_page_names_the_way_in_functions() -> None:
    assert len({path for path, name in REFERENCES if name}) >= 30


@pytest.mark.parametrize(("path", "name"), REFERENCES)
def test_every_file_and_function_that_it_names_exists(path: str, name: str) -> None:
    place = _place(path)
    assert place.is_file()
    if name:
        assert name in _names(place)


def test_every_folder_that_it_names_exists() -> None:
    folders = set(_FOLDER.findall(PAGE)) - {"mix2api/"}
    assert [folder for folder in sorted(folders) if not _place(folder).is_dir()] == []


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_its_prose_wraps_at_100() -> None:
    assert [line for line in PAGE.splitlines() if len(line) > 100 and not line.startswith("|")] == []
