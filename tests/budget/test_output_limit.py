"""What a client asks of an answer's length: mapped and clamped."""

from attrs import evolve

from mix2api.budget.output_limit import OutputLimit, output_limit
from mix2api.budget.profiles import ProfileTable

PROFILE = ProfileTable().profile_of("m")


def test_a_limit_goes_up_as_asked_and_at_most_the_model_s() -> None:
    assert output_limit(100, PROFILE) == OutputLimit(100)
    assert output_limit(8192, PROFILE) == OutputLimit(8192)
    assert output_limit(8193, PROFILE) == OutputLimit(8192, clamped=True)


def test_without_a_wish_the_profile_s_default_goes_up_and_never_the_reserve() -> None:
    assert output_limit(None, PROFILE) == OutputLimit(None)
    assert output_limit(None, evolve(PROFILE, default_new_tokens=2000)) == OutputLimit(2000)
