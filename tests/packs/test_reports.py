"""The reports say the same in four forms, and take nothing of what was seen for markup."""

from xml.etree import ElementTree as ET

from mix2api.packs.case import Case
from mix2api.packs.reports import facts_of, html_of, junit_of, lines_of, total_of
from mix2api.packs.running import Outcome, Result


def _case(name: str, title: str) -> Case:
    return Case(id=name, title=title, steps=(), judge=lambda _: iter(()))


PASSED = Result(
    case=_case("A-one", "all <is> well"),
    outcome=Outcome.PASSED,
    saw=("200 in 5 ms",),
    request_ids=("r.1",),
    total_ms=5,
)
FAILED = Result(
    case=_case("B-two", "nothing is lost"),
    outcome=Outcome.FAILED,
    saw=("500 & more",),
    request_ids=("r.2",),
    complaints=('the "status" is <500>',),
    total_ms=1500,
)
SKIPPED = Result(
    case=_case("C-three", "it is told"), outcome=Outcome.SKIPPED, complaints=("needs the demo site",)
)
ALL = (PASSED, FAILED, SKIPPED)


def test_the_lines_say_verdict_sight_and_reason() -> None:
    assert list(lines_of(FAILED)) == [
        "FAILED   B-two          nothing is lost",
        "         saw 500 & more  [r.2]",
        '         the "status" is <500>',
    ]
    assert total_of(ALL) == "1 passed, 1 failed, 1 skipped"


def test_junit_has_a_suite_for_each_pack_and_its_counts() -> None:
    root = ET.fromstring(junit_of(ALL))  # noqa: S314 - our own
    assert [(each.get("name"), each.get("failures"), each.get("skipped")) for each in root] == [
        ("A streams", "0", "0"),
        ("B tools", "1", "0"),
        ("C cancel, timeout, error", "0", "1"),
    ]
    failure = root.find("./testsuite/testcase[@name='B-two']/failure")
    assert failure is not None
    assert failure.get("message") == 'the "status" is <500>'
    assert root.findtext("./testsuite/testcase[@name='B-two']/system-out") == "500 & more"


def test_the_page_escapes_what_was_seen() -> None:
    page = html_of(ALL, "Packs against <x>")
    assert "Packs against &lt;x&gt;" in page
    assert "all &lt;is&gt; well" in page
    assert "<script" not in page


def test_the_facts_are_the_result_s() -> None:
    assert facts_of(FAILED) == {
        "case": "B-two",
        "title": "nothing is lost",
        "outcome": "failed",
        "saw": ["500 & more"],
        "complaints": ['the "status" is <500>'],
        "request_ids": ["r.2"],
        "total_ms": 1500,
    }
