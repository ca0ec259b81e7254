"""The words of the conventions are the library's, and models are named only if they are configured."""

from types import ModuleType

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, http_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes

from mix2api.telemetry import names
from mix2api.telemetry.names import model_word


def words_of(module: ModuleType) -> set[str]:
    return {value for value in vars(module).values() if isinstance(value, str)}


def test_the_words_are_those_of_the_conventions() -> None:
    ours = (
        names.OPERATION,
        names.PROVIDER,
        names.REQUEST_MODEL,
        names.CONVERSATION,
        names.FINISH_REASONS,
        names.INPUT_TOKENS,
        names.OUTPUT_TOKENS,
        names.TOKEN_KIND,
    )
    assert set(ours) <= words_of(gen_ai_attributes)
    assert {names.METHOD, names.ROUTE, names.STATUS} <= words_of(http_attributes)
    assert error_attributes.ERROR_TYPE == names.ERROR_TYPE
    assert error_attributes.ErrorTypeValues.OTHER.value == names.OTHER_ERROR
    assert gen_ai_attributes.GenAiOperationNameValues.CHAT.value == names.CHAT


def test_a_model_that_nobody_configured_has_no_name() -> None:
    assert model_word("a", frozenset("ab")) == "a"
    assert model_word("c", frozenset("ab")) == names.OTHER_MODEL


def test_the_library_still_has_these_metrics() -> None:
    assert gen_ai_metrics.GEN_AI_SERVER_TIME_PER_OUTPUT_TOKEN == "gen_ai.server.time_per_output_token"
