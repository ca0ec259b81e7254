"""The text that Prometheus reads."""

from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace
from projections.test_traffic import ASKED, BUDGET, ENDED, USAGE
from prometheus_client.parser import text_string_to_metric_families

from mix2api.budget.usage import UsageSource
from mix2api.metrics.exposition import exposition
from mix2api.metrics.readings import Readings
from mix2api.projections.traffic import Traffic
from mix2api.sessions.resolution import Reason
from mix2api.vocabulary import Channel, ClientName, EndReason

MOST_SERIES = 5000
_SOURCES = (None, *UsageSource, "a word of a newer version")


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_a_scrape_has_the_counts_the_histograms_and_the_gauges() -> None:
    traffic = Traffic()
    traffic.add_entry(ASKED, ENDED)
    readings = Readings(
        streams_open=3,
        shards_without_owner=2,
        model_fallbacks=6,
        logins={"done": 4},
        sessions={("fresh", "no_match"): 5},
    )
    told = samples(exposition(traffic, readings))
    who = (("client", "opencode"), ("stream", "true"))
    cell = {
        "channel": "stable",
        "client": "opencode",
        "end_reason": "stop",
        "http_status": "200",
        "stream": "true",
        "tools_present": "true",
        "upstream_status": "200",
    }
    assert told["mix2api_requests_total", tuple(sorted(cell.items()))] == 1
    assert told["mix2api_run_seconds_count", who] == 1
    assert told["mix2api_run_seconds_sum", who] == 1.2
    assert told["mix2api_run_seconds_bucket", (*who[:1], ("le", "1.0"), *who[1:])] == 0
    assert told["mix2api_run_seconds_bucket", (*who[:1], ("le", "2.5"), *who[1:])] == 1
    assert told["mix2api_streams_open", ()] == 3
    assert told["mix2api_shards_without_owner", ()] == 2
    assert told["mix2api_loop_lag_max_seconds", ()] == 0
    assert told["mix2api_model_fallbacks_total", ()] == 6
    assert told["mix2api_logins_total", (("outcome", "done"),)] == 4
    assert told["mix2api_sessions_total", (("reason", "no_match"), ("resolution", "fresh"))] == 5


def test_what_is_not_known_is_not_shown() -> None:
    told = samples(exposition(Traffic(), Readings()))
    assert ("mix2api_shards_without_owner", ()) not in told
    assert ("mix2api_streams_open", ()) in told


def test_of_the_log_there_are_no_gauges() -> None:
    assert ("mix2api_streams_open", ()) not in samples(exposition(Traffic()))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_clients_send_there_are_5000_series_at_most(seed: int) -> None:
    traffic = Traffic()
    words = [*ClientName, "mosaic", "<script>", "\N{SNOWMAN}" * 50]
    flags = (True, False)
    for number, (client, stream, tools, reason, channel) in enumerate(
        product(words, flags, flags, EndReason, Channel)
    ):
        asked: dict[str, Any] = {
            "client": client,
            "stream": stream,
            "tools_present": tools,
            "channel": channel,
        }
        status = (number * 7 + seed) % 1200 - 100
        ended: dict[str, Any] = {"end_reason": reason, "http_status": status, "upstream_status": status * 3}
        ended |= {"usage": USAGE, "usage_source": _SOURCES[number % len(_SOURCES)]}
        asked |= {"results": (("a", "b"),), "budget": BUDGET}
        traffic.add_entry(replace(ASKED, **asked), replace(ENDED, **ended))
    readings = Readings(
        sessions={(how, why.value): 1 for how, why in product(("fresh", "continued"), Reason)},
        logins=dict.fromkeys(map(str, range(20)), 1),
    )
    told = samples(exposition(traffic, readings))
    assert len(told) <= MOST_SERIES
    total = sum(value for (name, _), value in told.items() if name == "mix2api_requests_total")
    assert total == len(words) * 4 * len(EndReason) * len(Channel)
