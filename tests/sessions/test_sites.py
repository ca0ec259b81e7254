"""The upstream of each model, as the edge knows it."""

import pytest

from mix2api.errors import NotFound
from mix2api.model_prefixes import ByPrefix
from mix2api.sessions.sites import Site, Sites
from mix2api.vocabulary import Digest

ONE, OTHER = Site(digest=Digest("1")), Site(digest=Digest("2"), passes_through=True, speaks_responses=True)


def test_each_model_has_the_upstream_of_its_prefix() -> None:
    sites = Sites(ByPrefix({"one/": ONE, "other/": OTHER}))
    assert sites.of("one/a") is ONE
    assert [sites.passes_through(model) for model in ("one/a", "other/a")] == [False, True]
    assert [sites.speaks_responses(model) for model in ("one/a", "other/a")] == [False, True]
    assert sites.keep_responses
    assert not Sites.single(ONE).keep_responses


def test_a_model_of_no_upstream_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        Sites(ByPrefix({"one/": ONE})).of("two/a")
    assert (caught.value.error_code, caught.value.param) == ("model_not_found", "model")


def test_a_single_upstream_serves_all_models() -> None:
    assert Sites.single(ONE).of("any") is ONE
