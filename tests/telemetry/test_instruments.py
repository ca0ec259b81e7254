"""The histograms have the names and units of the conventions."""

from types import ModuleType

import attrs
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from mix2api.telemetry.instruments import Instruments


def words_of(module: ModuleType) -> set[str]:
    return {value for value in vars(module).values() if isinstance(value, str)}


def test_the_histograms_are_those_of_the_conventions() -> None:
    reader = InMemoryMetricReader()
    instruments = Instruments.of(MeterProvider([reader]).get_meter("test"))
    for field in attrs.fields(Instruments):
        getattr(instruments, field.name).record(0.03)
    told = reader.get_metrics_data()
    assert told is not None
    metrics = told.resource_metrics[0].scope_metrics[0].metrics
    assert {metric.name for metric in metrics} <= words_of(gen_ai_metrics)
    assert {metric.unit for metric in metrics} == {"s", "{token}"}
    assert len(metrics) == len(attrs.fields(Instruments))
