"""The estimate's error over the corpus is what its docstring says."""

import json
from pathlib import Path

from budget.test_tokenizers import CAPTURES, texts
from vocabularies import exact

from mix2api.budget.estimate import estimated_tokens

HERE = Path(__file__).parent.parent.parent
SOURCES = sorted((HERE / "mix2api").rglob("*.py"))
DOCUMENTS = sorted((HERE / "docs").rglob("*.md"))


def corpus() -> list[str]:
    said = [text for path in CAPTURES for text in texts(json.loads(path.read_text()))]
    said += [path.read_text() for path in (*CAPTURES, *SOURCES, *DOCUMENTS)]
    return sorted({text for text in said if len(text) >= 1000})


def test_an_estimate_is_at_most_15_percent_off_and_mostly_7() -> None:
    errors = sorted(abs(estimated_tokens(text) / exact().count(text) - 1) for text in corpus())
    assert len(errors) > 200
    assert errors[-1] <= 0.15
    assert errors[len(errors) * 9 // 10] <= 0.07


def test_an_estimate_of_all_is_at_most_3_percent_off() -> None:
    estimated = sum(map(estimated_tokens, corpus()))
    assert abs(estimated / sum(map(exact().count, corpus())) - 1) <= 0.03


def test_other_scripts_are_not_far_off_either() -> None:
    for text in (
        "机器学习模型的上下文窗口很大。请注意。" * 20,
        "これはテストです。カタカナもあります。" * 20,
        "Привет, как дела? Это предложение на русском языке. " * 20,
        "😀👍🎉🚀" * 20,
    ):
        assert 0.5 <= estimated_tokens(text) / exact().count(text) <= 2


def test_nothing_has_no_tokens_and_anything_has_some() -> None:
    assert estimated_tokens("") == 0
    assert estimated_tokens("a") == 1
    assert estimated_tokens(" " * 9) >= 1
    assert estimated_tokens("\ud800") == 1
