"""The closed sets, and what they know of themselves."""

from mix2api.vocabulary import FAULT_OF, SUCCESSES, EndReason, Fault, FinishReason


def test_every_reason_is_somebody_s_fault_or_nobody_s() -> None:
    assert set(FAULT_OF) == set(EndReason)


def test_successes_are_nobody_s_fault_and_have_a_finish_of_the_same_name() -> None:
    assert {reason for reason, fault in FAULT_OF.items() if fault is Fault.NOBODY} == SUCCESSES
    assert {reason.value for reason in SUCCESSES} == {finish.value for finish in FinishReason}
