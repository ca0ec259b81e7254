"""Who is served, who gives way and who is turned away where connections are bounded."""

from mix2api.edge.places import Place, Places

SERVED, HEALTH, NONE = (Place.SERVED, None), (Place.HEALTH_ONLY, None), (Place.NONE, None)


def full(most: int = 2) -> Places[str]:
    places: Places[str] = Places(most)
    for number in range(most):
        assert places.enter(f"busy{number}") == SERVED
    return places


def test_past_the_bound_a_new_connection_may_ask_for_health_and_past_the_reserve_nothing() -> None:
    places = full()
    assert [places.enter(f"more{number}") for number in range(33)] == [HEALTH] * 32 + [NONE]
    assert len(places) == 34


def test_one_that_leaves_makes_room() -> None:
    places = full()
    places.leave("busy0")
    assert places.enter("new") == SERVED


def test_the_one_that_rests_longest_gives_way_once() -> None:
    places = full()
    places.rest("busy1")
    places.rest("busy0")
    assert places.longest_resting() == "busy1"
    assert places.enter("new") == (Place.SERVED, "busy1")
    assert places.enter("newer") == (Place.SERVED, "busy0")
    assert places.enter("newest") == HEALTH
    places.leave("busy1")  # when its task has ended
    assert places.enter("later") == HEALTH


def test_one_that_works_again_does_not_give_way() -> None:
    places = full()
    places.rest("busy0")
    places.work("busy0")
    assert places.enter("new") == HEALTH


def test_one_without_a_place_never_counts_as_resting() -> None:
    places = full()
    places.enter("crowded")
    places.rest("crowded")
    assert places.longest_resting() is None
