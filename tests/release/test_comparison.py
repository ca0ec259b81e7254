"""All tests of a step side by side."""

from math import exp, log

import pytest
from release_trials import STREAMS, WHOLE, trials

from mix2api.release.block import Block, Counting
from mix2api.release.comparison import WEIGHTS, Comparison
from mix2api.release.trials import Cell, Metric, Origin
from mix2api.vocabulary import ClientName, EndReason


def of(*blocks: Block) -> Comparison:
    comparison = Comparison()
    for block in blocks:
        comparison.take(block)
    return comparison


def test_the_average_starts_at_one_and_tests_that_have_not_begun_stand_there() -> None:
    assert of().log_value == pytest.approx(0)
    assert of(Counting().count(trials(5, 0, 5, 0))).log_value == pytest.approx(0)


def test_the_average_is_that_of_all_tests_by_their_weights() -> None:
    comparison = of(Counting().count([*trials(50, 1, 10, 3), *trials(9, 1, 3, 1, cell=WHOLE)]))
    found = comparison.findings()
    rest = 1 - sum(each.share for each in found)
    assert exp(comparison.log_value) == pytest.approx(
        rest + sum(each.share * exp(each.log_e) for each in found)
    )


def test_no_weights_add_up_to_more_than_one_with_every_cell_and_reason() -> None:
    block = Block()
    for client in ClientName:
        for number in range(4):
            cell = Cell(client, stream=number < 2, tools=number % 2 == 0)
            for metric in (*WEIGHTS, *(f"{Metric.DRIFT}/{reason}" for reason in EndReason)):
                if metric != Metric.DRIFT:
                    block.add(cell, metric, canary=True, origin=Origin.FRESH, bad=0)
    comparison = of(block)
    assert sum(each.share for each in comparison.findings()) == pytest.approx(1)
    assert comparison.log_value == pytest.approx(0)
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_a_pooled_test_needs_two_over_alpha_by_its_weight() -> None:
    comparison = of(Counting().count(trials(50, 1, 10, 3)))
    (pooled,) = [
        each for each in comparison.findings() if (each.scope, each.metric) == ("all", Metric.SUCCESS)
    ]
    assert pooled.share == pytest.approx(WEIGHTS[Metric.SUCCESS] / 2)


def test_the_strongest_evidence_stands_first_and_carries_its_counts() -> None:
    blocks = [Counting().count([*trials(60, 0, 20, 4), *trials(60, 0, 20, 0, cell=WHOLE)]) for _ in range(3)]
    first, *others = of(*blocks).findings()
    assert (first.scope, first.metric) == ("all", Metric.SUCCESS)
    assert (first.stable, first.stable_bad, first.canary, first.canary_bad) == (360, 0, 120, 12)
    assert first.odds > 5
    assert {each.scope for each in others} >= {STREAMS.word, WHOLE.word}


def test_what_fails_in_continued_turns_alone_is_found_among_fresh_ones_that_are_alike() -> None:
    blocks = [
        Counting().count([*trials(40, 1, 40, 1), *trials(40, 0, 40, 4, continued=True)]) for _ in range(8)
    ]
    assert of(*blocks).log_value > log(1000)
