"""What is kept of a client session's words."""

from mix2api.sessions.transcripts import Said


def test_no_repr_has_what_was_said() -> None:
    assert repr(Said("user", "a planted secret")) == "Said(role='user')"
