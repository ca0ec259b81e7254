"""When memory is given back to the system."""

import pytest
from attrs import define

from mix2api.process.heap import HeapKeeper, resident_bytes, trimmer

_MB = 1024 * 1024


@define
class Process:
    """A process of some size, which is smaller after a trim."""

    size: int = 70 * _MB
    running: int = 0
    trims: int = 0
    least: int = 70 * _MB

    def trim(self) -> None:
        self.trims += 1
        self.size = self.least

    def keeper(self) -> HeapKeeper:
        return HeapKeeper(trim=self.trim, resident=lambda: self.size, runs=lambda: self.running)


@pytest.mark.parametrize(
    ("running", "grown", "trims"),
    [
        (0, 8 * _MB - 1, 0),
        (0, 8 * _MB, 1),
        (1, 64 * _MB - 1, 0),
        (1, 64 * _MB, 1),
    ],
)
async def test_a_process_is_trimmed_once_it_has_grown_enough(running: int, grown: int, trims: int) -> None:
    process = Process(running=running)
    keeper = process.keeper()
    process.size += grown
    await keeper.look()
    await keeper.look()
    assert process.trims == trims


async def test_what_a_trim_could_not_give_back_is_not_tried_again() -> None:
    process = Process(least=100 * _MB)
    keeper = process.keeper()
    for size, trims in ((100, 1), (107, 1), (108, 2)):
        process.size = size * _MB
        await keeper.look()
        assert process.trims == trims


async def test_a_trim_under_load_does_not_stand_in_for_the_one_afterwards() -> None:
    process = Process(running=1, least=150 * _MB)
    keeper = process.keeper()
    process.size += 100 * _MB
    await keeper.look()
    assert (process.trims, process.size) == (1, 150 * _MB)
    process.running, process.least = 0, 75 * _MB
    await keeper.look()
    assert (process.trims, process.size) == (2, 75 * _MB)


@pytest.mark.skipif(trimmer() is None, reason="this C library has no malloc_trim")
def test_free_pages_between_live_blocks_go_back_to_the_system() -> None:
    trim = trimmer()
    assert trim is not None
    # Blocks of 60 kB come from the heap; every tenth lives on, so that the top of the heap cannot simply be lowered.
    blocks = [bytearray(60_000) for _ in range(2000)]
    kept = blocks[::10]
    full = resident_bytes()
    del blocks
    trim()
    assert full - resident_bytes() > 50 * _MB
    assert len(kept) == 200
