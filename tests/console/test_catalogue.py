"""The catalogue: no key is missing, none is idle, and both languages fill the same places."""

import re
from pathlib import Path
from string import Formatter

import pytest

import mix2api.console
from mix2api.console import explain_texts
from mix2api.console.asking import RANGES
from mix2api.console.catalogue import TEXTS, Language, language_of, text
from mix2api.console.release import ACTIONS
from mix2api.console.tokens import Role
from mix2api.conversations import display
from mix2api.conversations.states import TaskStage, TurnStage
from mix2api.projections.advice import ROWS
from mix2api.projections.endings import Seen
from mix2api.projections.explanation import CULPRITS, NOTHING_YET, REFUSED
from mix2api.projections.silence import Owner, Wait
from mix2api.projections.slo_report import OBJECTIVES, Verdict
from mix2api.store.account_actions import AccountAction

FOLDER = Path(mix2api.console.__file__).parent
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted(FOLDER.rglob("*"))
    if path.suffix in {".py", ".html"} and not path.name.endswith(("catalogue.py", "_texts.py"))
)
FAMILIES = {
    "role": [role.value for role in Role],
    "fault": list(CULPRITS),
    "look_at": list(ROWS),
    "do": list(ROWS),
    "saw": [*(seen.value for seen in Seen), NOTHING_YET, REFUSED],
    "waiting": [wait.name.lower() for wait in Wait],
    "owner": [owner.value for owner in Owner],
    "verdict": [verdict.value for verdict in Verdict],
    "level": [objective.name for objective in OBJECTIVES],
    "range": list(RANGES),
    "stage": [
        name.replace(" ", "_")
        for name in {
            *("queued", "late", *display._TURNS.values(), *display._TASKS.values()),
            *(stage.value.lower() for stage in (*TurnStage, *TaskStage)),
        }
    ],
    "runs": ["reason", "client", "model", "channel", "account"],
    "processes": [
        *("process", "version", "role", "channel", "weight", "takes", "shards", "streams"),
        *("runs", "queued", "spooled", "age", "skew"),
    ],
    "accounts": [
        *("account", "type", "status", "why", "since", "next", "weight", "priority", "models"),
        *(action.value for action in AccountAction),
    ],
    "release": [word for action in ACTIONS for word in (action.value, f"{action.value}_sure")],
    "models": [
        *("model", "window", "input", "output", "encoding", "source"),
        *("runs", "trimmed", "rolled_over", "refused", "compacted", "tokens", "differs", "factor"),
    ],
}
"""Keys that are put together: their first part, and what may follow."""


def named() -> set[str]:
    """Keys that templates and code name whole, or by their family."""
    whole = set(re.findall(r'"([a-z_]+\.[a-z0-9_]+)"', SOURCES)) & TEXTS.keys()
    families = set(re.findall(r't\("(\w+)\." ~', SOURCES))
    assert families <= FAMILIES.keys()
    return whole | {f"{family}.{word}" for family in families for word in FAMILIES[family]}


def test_no_key_is_missing_and_none_is_idle() -> None:
    asked = set(re.findall(r'\bt\("([a-z_]+\.[a-z0-9_]+)"', SOURCES))
    asked |= set(re.findall(r'text\(\s*language, "([a-z_.0-9]+)"', SOURCES))
    assert "nav.overview" in asked, "the positive control"
    assert asked - TEXTS.keys() == set()
    assert named() == TEXTS.keys()


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_say_something_and_fill_the_same_places(key: str) -> None:
    places = {
        language: sorted(name for _, name, _, _ in Formatter().parse(said) if name)
        for language, said in TEXTS[key].items()
    }
    assert all(said.strip() for said in TEXTS[key].values())
    assert places[Language.ENGLISH] == places[Language.CHINESE]


def test_chinese_has_a_word_for_each_name_of_the_explanation_and_no_other() -> None:
    assert explain_texts._ADVICE.keys() == ROWS.keys()
    assert explain_texts._SAW.keys() == {seen.value for seen in Seen}
    assert explain_texts._WAITS.keys() == set(Wait)


def test_a_reader_s_choice_goes_before_the_browser_s() -> None:
    assert language_of("en", "zh-CN") is Language.ENGLISH
    assert language_of(None, "zh-TW,en;q=0.5") is Language.CHINESE
    assert language_of("fr", "de") is Language.ENGLISH
    assert text(Language.CHINESE, "runs.found", count=3) == "3 个运行"
