"""The closed sets, and what they know of themselves."""

from mix2api.vocabulary import SUCCESSES, FinishReason


def test_every_success_has_a_finish_of_the_same_name() -> None:
    assert {reason.value for reason in SUCCESSES} == {finish.value for finish in FinishReason}
