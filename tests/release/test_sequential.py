"""The e-process: a martingale while the channels are alike, and evidence where they are not."""

from itertools import product
from math import comb, exp, inf, isclose, log

import pytest

from mix2api.release.sequential import (
    DIFFERENT,
    WORSE,
    EProcess,
    Mixture,
    Table,
    gains,
    log_binomial,
    log_weighted,
    worse,
)


def of(*tables: Table, mixture: Mixture = WORSE) -> EProcess:
    process = EProcess(mixture)
    for table in tables:
        process.update(table)
    return process


def chance(table: Table, odds: float = 1.0) -> float:
    """Of the canary's bad trials, given the margins: Fisher's noncentral hypergeometric distribution, by counting."""
    bad = table.stable_bad + table.canary_bad

    def ways(count: int) -> float:
        return comb(table.canary, count) * comb(table.stable, bad - count) * odds**count

    return ways(table.canary_bad) / sum(
        ways(count) for count in range(bad + 1) if count <= table.canary and bad - count <= table.stable
    )


def outcomes(stable: int, canary: int, bad: int) -> list[Table]:
    """All ways in which so many bad trials may fall on the channels."""
    return [
        Table(stable, bad - count, canary, count)
        for count in range(bad + 1)
        if count <= canary and bad - count <= stable
    ]


def test_it_starts_at_one() -> None:
    assert EProcess().log_value == pytest.approx(0)
    assert EProcess(DIFFERENT).log_value == pytest.approx(0)


@pytest.mark.parametrize("mixture", [WORSE, DIFFERENT])
@pytest.mark.parametrize(
    ("stable", "canary", "bad"), [(3, 1, 1), (5, 5, 4), (7, 2, 3), (2, 6, 5), (40, 2, 2)]
)
def test_under_the_null_its_expectation_after_a_block_is_what_it_was(
    mixture: Mixture, stable: int, canary: int, bad: int
) -> None:
    begun = Table(9, 1, 4, 2)
    before = exp(of(begun, mixture=mixture).log_value)
    after = sum(
        chance(table) * exp(of(begun, table, mixture=mixture).log_value)
        for table in outcomes(stable, canary, bad)
    )
    assert isclose(after, before, rel_tol=1e-9)


def test_over_two_blocks_whose_sizes_depend_on_the_first_it_is_a_martingale_still() -> None:
    total = 0.0
    for first in outcomes(4, 2, 2):
        # Who looks at the first block may choose the second one: more traffic after a bad beginning.
        sizes = (6, 3, 3) if first.canary_bad else (2, 2, 1)
        for second in outcomes(*sizes):
            total += chance(first) * chance(second) * exp(of(first, second).log_value)
    assert isclose(total, 1.0, rel_tol=1e-9)


def test_within_what_is_tolerated_its_expectation_does_not_rise_and_at_the_limit_it_stays() -> None:
    mixture = worse(tolerated=1.5)
    for odds, expected in ((1.5, 1.0), (1.2, None), (1.0, None), (0.5, None)):
        after = sum(
            chance(table, odds) * exp(of(table, mixture=mixture).log_value) for table in outcomes(8, 6, 5)
        )
        assert after <= 1 + 1e-9
        if expected is not None:
            assert isclose(after, expected, rel_tol=1e-9)


def test_where_the_canary_is_worse_its_logarithm_is_expected_to_grow() -> None:
    growth = sum(chance(table, 5.0) * of(table).log_value for table in outcomes(20, 20, 6))
    assert growth > 0


def test_a_test_of_both_sides_says_the_same_of_exchanged_channels() -> None:
    table = Table(20, 5, 30, 2)
    exchanged = Table(30, 2, 20, 5)
    assert of(table, mixture=DIFFERENT).log_value == pytest.approx(of(exchanged, mixture=DIFFERENT).log_value)


def test_one_side_alone_finds_nothing_in_a_better_canary() -> None:
    better = [Table(50, 10, 50, 1)] * 5
    assert of(*better).log_value < 0
    assert of(*better, mixture=DIFFERENT).log_value > log(1000)


def test_the_order_of_blocks_does_not_matter_and_the_same_blocks_say_the_same() -> None:
    blocks = [Table(9, 1, 4, 2), Table(12, 0, 3, 1), Table(7, 2, 7, 2)]
    assert of(*blocks).log_value == pytest.approx(of(*reversed(blocks)).log_value)
    assert of(*blocks).log_value == of(*blocks).log_value


@pytest.mark.parametrize(
    "table", [Table(0, 0, 5, 3), Table(5, 3, 0, 0), Table(5, 0, 5, 0), Table(5, 5, 5, 5), Table(0, 0, 0, 0)]
)
def test_a_block_without_both_channels_or_without_a_difference_says_nothing(table: Table) -> None:
    assert not table.tells
    assert of(table).log_value == pytest.approx(0)


def test_a_large_block_costs_no_precision() -> None:
    small, large = Table(2_000, 20, 500, 5), Table(2_000_000, 20, 500_000, 5)
    for one, other in zip(gains(small, WORSE), gains(large, WORSE), strict=True):
        assert one == pytest.approx(other, rel=0.05, abs=0.05)
    assert all(abs(gain) < inf for gain in gains(Table(100_000, 50_000, 100_000, 51_000), WORSE))


def test_the_odds_are_those_of_the_alternative_with_the_most_evidence() -> None:
    blocks = [Table(100, 2, 100, 10)] * 20
    assert 3 < of(*blocks).odds < 9


def test_the_alternatives_lie_above_what_is_tolerated() -> None:
    for tolerated, count in product((1.0, 1.1, 3.0), (2,)):
        assert min(worse(tolerated).odds) > tolerated
        assert len(worse(tolerated).odds) > count


def test_a_weighted_sum_is_taken_of_logarithms_beyond_a_float() -> None:
    assert log_weighted([(0.5, 2_000.0), (0.5, 0.0)]) == pytest.approx(2_000 + log(0.5))
    assert log_weighted([(0.0, 5.0)]) == -inf
    assert log_binomial(10, 2, 0.2) == pytest.approx(log(0.2**2 * 0.8**8))
