"""From trials to counts."""

from release_trials import STREAMS, WHOLE, trial, trials

from mix2api.release.block import Block, Counting
from mix2api.release.sequential import Table
from mix2api.release.trials import Metric
from mix2api.vocabulary import EndReason

NOTHING = Table(0, 0, 0, 0)


def test_counts_stand_by_channel_and_kind_for_the_cell_and_for_all() -> None:
    continued, carried = trials(4, 0, 1, 0, continued=True), trials(5, 1, 3, 0, continued=True, carried=True)
    block = Counting().count([*trials(3, 1, 2, 1), *continued, *carried, *trials(2, 2, 0, 0, cell=WHOLE)])
    older = (Table(4, 0, 1, 0), Table(5, 1, 3, 0))
    assert block.tables((STREAMS, Metric.SUCCESS)) == (Table(3, 1, 2, 1), *older)
    assert block.tables((WHOLE, Metric.SUCCESS)) == (Table(2, 2, 0, 0), NOTHING, NOTHING)
    assert block.tables((None, Metric.SUCCESS)) == (Table(5, 3, 2, 1), *older)


def test_a_session_that_is_older_than_the_step_counts_for_rates_by_worker_alone() -> None:
    counting = Counting()
    counting.count([trial(first_token_ms=100) for _ in range(40)])
    block = counting.count([trial(carried=True, canary=True, bad=True, first_token_ms=900)])
    assert {metric for _, metric in block.counts} == {Metric.SUCCESS, Metric.BROKEN, Metric.DONE}
    assert block.tables((None, Metric.SUCCESS)) == (NOTHING, NOTHING, Table(0, 0, 1, 1))
    assert block.edges is not None
    assert block.edges.counts == {}


def test_a_trial_counts_for_the_metrics_that_it_can_speak_of() -> None:
    block = Counting().count(
        [
            trial(),
            trial(broken=True),
            trial(done=False),
            trial(bad=True, brings_results=True),
            trial(asked=False, stayed=False, served=False, reason=EndReason.CLIENT_ABORT),
            trial(cell=WHOLE),
        ]
    )
    by_metric = {
        metric: block.tables((None, metric))[0] for metric in (*Metric,) if (None, metric) in block.counts
    }
    assert by_metric == {
        Metric.SUCCESS: Table(5, 1, 0, 0),
        Metric.BROKEN: Table(4, 2, 0, 0),
        Metric.DONE: Table(4, 2, 0, 0),
        Metric.LOOPS: Table(1, 1, 0, 0),
    }


def test_a_repeat_counts_for_no_rate() -> None:
    block = Counting().count([trial(bad=True, turn="same"), trial(turn="same"), trial(bad=True, turn="same")])
    assert block.tables((None, Metric.SUCCESS))[0] == Table(1, 1, 0, 0)
    assert len(block.bad) == 1


def test_each_end_reason_is_a_test_from_the_block_after_its_first_occurrence_on() -> None:
    counting = Counting()
    stop, late = f"{Metric.DRIFT}/stop", f"{Metric.DRIFT}/timeout"
    first = counting.count([trial(), trial(bad=True)])
    assert not any(metric.startswith(Metric.DRIFT) for _, metric in first.counts)
    second = counting.count([trial(), trial(canary=True, bad=True), trial(bad=True)])
    assert second.tables((None, stop))[0] == Table(2, 1, 1, 0)
    assert second.tables((None, late))[0] == Table(2, 1, 1, 1)


def test_a_session_counts_once_for_the_drift_and_for_the_times() -> None:
    counting = Counting()
    counting.count([trial(first_token_ms=100) for _ in range(40)])
    block = counting.count([trial(session="one", first_token_ms=900) for _ in range(5)])
    assert block.tables((None, f"{Metric.DRIFT}/stop"))[0] == Table(1, 1, 0, 0)
    assert block.tables((None, Metric.MEDIAN))[0] == Table(1, 1, 0, 0)


def test_times_are_held_against_thresholds_of_earlier_blocks_alone() -> None:
    counting = Counting()
    times = [trial(first_token_ms=100 + number, canary=number % 2 == 0) for number in range(80)]
    assert (None, Metric.MEDIAN) not in counting.count(times).counts
    block = counting.count([trial(first_token_ms=500, canary=True), trial(first_token_ms=90)])
    assert block.tables((None, Metric.MEDIAN))[0] == Table(1, 0, 1, 1)
    assert block.tables((None, Metric.TAIL))[0] == Table(1, 0, 1, 1)


def test_a_block_that_has_no_edges_counts_by_worker_alone() -> None:
    block = Block()
    Counting._count_rates(block, trial(edge_canary=True))
    assert block.tables((None, Metric.SUCCESS))[0] == Table(1, 0, 0, 0)
