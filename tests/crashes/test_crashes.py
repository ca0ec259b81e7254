"""A process dies at every point of the crash matrix: the log, the verdict and the client's view are as the matrix says."""

from collections import Counter

import pytest
from client_views import Sight
from crashes.stage import LEASE_S, played
from crashes.table import CELLS, Cell, Fate, Half

_ENDED = frozenset({Sight.FINISH, Sight.FAILURE})


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_what_a_death_leaves_is_as_the_matrix_says(cell: Cell) -> None:
    outcome = played(cell)
    assert outcome.runs == cell.runs
    assert outcome.sight is cell.sight
    assert outcome.contradictions == []
    assert (outcome.left_open, outcome.still_streaming) == (0, 0)
    if cell.sight in _ENDED:
        assert outcome.ending_s <= 2 * LEASE_S + 1
    if cell.continues:
        assert outcome.next_session == "fresh"


def test_every_half_dies_on_its_path() -> None:
    deaths = Counter(cell.dies for cell in CELLS if cell.fate is Fate.KILLED)
    assert set(deaths) == {(Half.SERVE,), (Half.EDGE,), (Half.WORKER,), (Half.EDGE, Half.WORKER)}
    assert len({cell.name for cell in CELLS}) == len(CELLS)
