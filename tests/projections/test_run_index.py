"""The index of runs: what it holds, what a receipt changes, and what it lets go."""

from run_halves import NOW, ended_run, halves, refusal_data, refusals_data

from mix2api.projections import run_index
from mix2api.projections.run_block import BINS, BLOCK_MS, RunBlock, RunIds, RunTimes, bin_bounds, bin_of
from mix2api.projections.run_index import AWAITED, OTHER_MODEL, RECEIPT_MS, REFUSED, RunIndex
from mix2api.projections.run_search import RunFilter, RunPage, search
from mix2api.steps import at_once
from mix2api.vocabulary import Channel, EndReason


def all_of(index: RunIndex) -> RunPage:
    return at_once(search(index, RunFilter(), None, 100))


def test_a_run_is_held_with_its_ids_times_and_kind() -> None:
    index = RunIndex(10)
    ended_run(index, "run_a", request_id="req-a", end_reason=EndReason.TIMEOUT, detail="idle", total_ms=250)
    (row,) = all_of(index).rows
    assert (row.request_id, row.run_id, row.session_id) == ("req-a", "run_a", "ses_a")
    assert (row.at_ms, row.total_ms, row.first_ms, row.mark) == (NOW, 250, 40, "run_a")
    assert (row.kind.reason, row.kind.detail, row.kind.client) == ("timeout", "idle", "opencode")
    assert row.kind.seen == AWAITED


def test_a_receipt_says_what_the_client_was_told_and_the_first_counts() -> None:
    index = RunIndex(10)
    ended_run(index, "run_a", end_reason=EndReason.TIMEOUT, detail="idle")
    index.add_receipt("run_a", "error_written", "worker_lost")
    index.add_receipt("run_a", "error_written", "timeout")
    ended_run(index, "run_b", end_reason=EndReason.TIMEOUT, detail="idle")
    ended_run(index, "run_c", end_reason=EndReason.TIMEOUT, detail="idle")
    index.add_receipt("run_b", "error_written", "timeout")
    kinds = {row.run_id: row.kind for row in all_of(index).rows}
    assert (kinds["run_a"].reason, kinds["run_a"].detail, kinds["run_a"].seen) == (
        "worker_lost",
        None,
        "reworded",
    )
    assert (kinds["run_b"].reason, kinds["run_b"].detail) == ("timeout", "idle")
    (block,) = index.blocks.values()
    assert sorted(block.counts.values()) == [1, 1, 1]


def test_a_receipt_that_comes_before_its_run_counts() -> None:
    index = RunIndex(10)
    index.add_receipt("run_a", "written", "stop")
    ended_run(index, "run_a")
    index.add_receipt("run_a", "error_written", "timeout")
    assert all_of(index).rows[0].kind.seen == "as_recorded"


def test_a_run_that_a_later_one_repeats_is_passed_over_without_a_receipt_that_says_so() -> None:
    index = RunIndex(10)
    ended_run(index, "run_a", end_reason=EndReason.WORKER_LOST)
    ended_run(index, "run_b", again_of="run_a")
    assert {row.run_id: row.kind.seen for row in all_of(index).rows} == {
        "run_a": "nobody_waited",
        "run_b": AWAITED,
    }


def test_a_run_that_is_read_after_the_one_that_repeats_it_is_passed_over_too() -> None:
    index = RunIndex(10)
    ended_run(index, "run_b", again_of="run_a")
    ended_run(index, "run_a", end_reason=EndReason.WORKER_LOST)
    assert {row.run_id: row.kind.seen for row in all_of(index).rows} == {
        "run_a": "nobody_waited",
        "run_b": AWAITED,
    }


def test_of_receipts_without_runs_the_newest_are_kept_up_to_a_number() -> None:
    index = RunIndex(10)
    for number in range(run_index._EARLY + 1):
        index.add_receipt(f"run_{number}", "written", "stop")
    assert len(index._early) == run_index._EARLY
    for number in (0, run_index._EARLY):
        ended_run(index, f"run_{number}")
    seen = {row.run_id: row.kind.seen for row in all_of(index).rows}
    assert seen == {"run_0": AWAITED, f"run_{run_index._EARLY}": "as_recorded"}


def test_a_receipt_that_does_not_come_in_time_is_given_up_and_counts_when_it_comes() -> None:
    index = RunIndex(2)
    for number in range(3):
        ended_run(index, f"run_{number}", at_ms=NOW + number * BLOCK_MS)
    index.settle(NOW + RECEIPT_MS + BLOCK_MS)
    seen = {row.run_id: row.kind.seen for row in all_of(index).rows}
    assert seen == {"run_1": "no_receipt", "run_2": AWAITED}
    index.add_receipt("run_1", "written", "stop")
    index.settle(NOW + RECEIPT_MS + BLOCK_MS)
    seen = {row.run_id: row.kind.seen for row in all_of(index).rows}
    assert seen == {"run_1": "as_recorded", "run_2": AWAITED}


def test_a_refused_request_is_a_run_without_a_run_id() -> None:
    index = RunIndex(10)
    index.add_refusal(NOW, refusal_data(request_id="bad", model=None, worker_channel=Channel.CANARY))
    index.add_refusals(refusals_data(7))
    (row,) = all_of(index).rows
    assert (row.request_id, row.run_id, row.mark, row.kind.seen) == ("bad", "", "bad", REFUSED)
    assert (row.kind.model, row.kind.channel, index.counted) == (OTHER_MODEL, "canary", 7)


def test_what_cannot_be_read_is_counted() -> None:
    index = RunIndex(10)
    asked, ended = halves("req")
    index.add_run(NOW, ("run_a", "ses_a"), b"?", ended)
    index.add_run(NOW, ("run_a", "ses_a"), asked, b"?")
    index.add_refusal(NOW, b"?")
    index.add_refusals(b"?")
    assert (index.unreadable, index.held) == (4, 0)


def test_the_oldest_ten_seconds_go_first() -> None:
    index = RunIndex(3)
    for number in range(5):
        ended_run(index, f"run_{number}", at_ms=NOW + number * BLOCK_MS)
    index.add_receipt("run_0", "written", "stop")
    assert (index.held, index.dropped) == (3, 2)
    assert [row.run_id for row in all_of(index).rows] == ["run_4", "run_3", "run_2"]
    index.forget_before(NOW + 4 * BLOCK_MS)
    assert [row.run_id for row in all_of(index).rows] == ["run_4"]


def test_the_last_block_is_kept_whole_however_large_it_is() -> None:
    index = RunIndex(1)
    ended_run(index, "run_a")
    ended_run(index, "run_b")
    assert (index.held, index.dropped) == (2, 0)


def test_a_receipt_of_a_run_that_was_let_go_is_nobody_s() -> None:
    index = RunIndex(1)
    ended_run(index, "run_a")
    index._waiting["run_gone"] = (1, 0, EndReason.STOP)
    index.add_receipt("run_gone", "written", "stop")
    assert index._waiting.keys() == {"run_a"}


def test_models_that_are_not_configured_are_one_kind() -> None:
    index = RunIndex(10)
    ended_run(index, "run_a", model="#0123/8")
    ended_run(index, "run_b", model="#4567/9")
    assert [kind.model for kind in index.kinds] == [OTHER_MODEL]


def test_past_their_number_kinds_are_told_apart_by_little() -> None:
    index = RunIndex(10)
    ended_run(index, "run_a", client="opencode")
    index.kinds += index.kinds * (run_index.KINDS - 1)
    for run in ("run_b", "run_c"):
        ended_run(index, run, client=run)
    assert len(index.kinds) == run_index.KINDS + 1
    assert index.kinds[-1].client == "other"


def test_a_bin_has_the_times_between_its_bounds() -> None:
    for ms in (1, 2, 3, 5, 97, 1_000, 86_400_000):
        low, high = bin_bounds(bin_of(ms))
        assert low <= ms < high
        assert high <= 1.5 * max(low, 1)
    assert bin_of(-5) == bin_of(0) == 0
    assert bin_of(1 << 60) == BINS - 1


def test_a_block_finds_each_run_once_however_often_a_word_is_in_its_ids() -> None:
    block = RunBlock(1)
    for name in ("aa", "b", "aaa"):
        block.add(BLOCK_MS, 0, RunIds(f"req-{name}", f"run_{name}", f"ses_{name}"), RunTimes(None, None))
    assert list(block.places_with(b"a")) == [0, 2]
    assert list(block.places_with(b"_b")) == [1]
    assert list(block.places_with(b"zz")) == []
    assert len(block) == 3


def test_ids_that_no_process_of_ours_wrote_break_nothing() -> None:
    index = RunIndex(10)
    asked, ended = halves("a b\nc\x1d")
    index.add_run(NOW, ("run x", "ses\r\ny\ud800"), asked, ended)
    index.add_receipt("run x", "written", "stop")
    ended_run(index, "run_b")
    rows = {row.run_id: row for row in all_of(index).rows}
    assert rows.keys() == {"run_x", "run_b"}
    assert rows["run_x"].request_id.startswith("a_b_c")
    assert at_once(search(index, RunFilter(word="run_b"), None, 10)).total == 1
