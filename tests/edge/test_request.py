import pytest

from mix2api.edge.request import request_id_of


@pytest.mark.parametrize("given", [b"a", b"A.b_c:d-9", b"x" * 128])
def test_an_acceptable_id_is_kept(given: bytes) -> None:
    assert request_id_of(given) == given.decode()


@pytest.mark.parametrize("given", [None, b"", b"x" * 129, b"a b", b"a\n", b"\xff", b'"a"'])
def test_any_other_is_replaced_by_a_new_one(given: bytes | None) -> None:
    first, second = request_id_of(given), request_id_of(given)
    assert first != second
    assert request_id_of(first.encode()) == first
