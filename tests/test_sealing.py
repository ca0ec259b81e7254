"""What is done with the secret: digests, MACs, seals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.sealing import Seal, UnsealError
from mix2api.vocabulary import Sealed

SEAL = Seal(b"one secret of sixteen")
OTHER = Seal(b"another secret of that")


def test_a_digest_tells_equal_from_different_and_nothing_else() -> None:
    assert SEAL.digest("text", "purpose") == SEAL.digest(b"text", "purpose")
    others = {
        SEAL.digest("texts", "purpose"),
        SEAL.digest("text", "other"),
        OTHER.digest("text", "purpose"),
    }
    assert len(others | {SEAL.digest("text", "purpose")}) == 4
    assert len(SEAL.digest("", "purpose")) == 32


def test_a_digest_is_the_same_in_every_process_and_version() -> None:
    """Names, lineage and look-ups rest on it: a change would lose every session."""
    assert SEAL.digest("text", "purpose") == "f72c8e139db68700bf3bd7320f29f1a5"
    assert SEAL.mac(b"data") == "665e5db3d54955a5"


def test_a_purpose_has_at_most_sixteen_letters() -> None:
    with pytest.raises(ValueError, match="person"):
        SEAL.digest("text", "a purpose that is too long")


def test_a_mac_proves_who_made_it() -> None:
    assert SEAL.mac(b"data") == Seal(b"one secret of sixteen").mac(b"data")
    assert len({SEAL.mac(b"data"), SEAL.mac(b"date"), OTHER.mac(b"data")}) == 3
    assert len(SEAL.mac(b"data", size=4)) == 8


@given(st.text(st.characters(exclude_categories=())))
def test_what_was_sealed_is_unsealed(text: str) -> None:
    assert SEAL.unseal(SEAL.seal(text, "purpose"), "purpose") == text


@given(st.binary())
def test_bytes_too(plain: bytes) -> None:
    assert SEAL.unseal_bytes(SEAL.seal_bytes(plain, b"purpose"), b"purpose") == plain


def test_a_seal_says_nothing_of_what_is_in_it() -> None:
    first, second = SEAL.seal("secret words", "purpose"), SEAL.seal("secret words", "purpose")
    assert first != second
    assert "secret" not in first


def test_only_the_same_secret_and_purpose_open_a_seal() -> None:
    sealed = SEAL.seal("text", "purpose")
    for seal, purpose in ((OTHER, "purpose"), (SEAL, "other")):
        with pytest.raises(UnsealError):
            seal.unseal(sealed, purpose)


@pytest.mark.parametrize("damaged", ["", "AAAA", "A", "ü", "A" * 60])
def test_damage_is_told(damaged: str) -> None:
    with pytest.raises(UnsealError):
        SEAL.unseal(Sealed(damaged), "purpose")


def test_a_seal_whose_last_byte_was_changed_is_damaged() -> None:
    sealed = bytearray(SEAL.seal_bytes(b"plain", b"purpose"))
    sealed[-1] ^= 1
    with pytest.raises(UnsealError):
        SEAL.unseal_bytes(bytes(sealed), b"purpose")
