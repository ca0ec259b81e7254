from typing import Any

import pytest

from mix2api.demo.offers import NOTHING_OFFERED, Offer, OfferedTool, native_offer, told_offer
from mix2api.tools.choice import CallMode, Choice
from mix2api.tools.instruction import brief_standing, for_now, standing
from mix2api.tools.offer import FunctionTool
from mix2api.tools.offer import Offer as ToldOffer

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = OfferedTool("get_weather", "The weather of a city.", SCHEMA)
TIME = OfferedTool("get_time")
TOLD = (
    FunctionTool(name="get_weather", description="The weather of a city.", parameters=SCHEMA),
    FunctionTool(name="get_time"),
)


def native(*tools: OfferedTool) -> list[Any]:
    functions = [
        {"name": each.name, "description": each.description, "parameters": each.parameters} for each in tools
    ]
    return [{"type": "function", "function": function} for function in functions]


def test_the_fields_of_a_request_offer_functions_and_nothing_else() -> None:
    odd = [{"type": "custom", "custom": {"name": "x"}}, "x", {"function": {"name": 5}}, {"function": {}}]
    assert native_offer([*odd, *native(WEATHER, TIME)], None) == Offer((WEATHER, TIME))


@pytest.mark.parametrize(
    ("choice", "offer"),
    [
        ("auto", Offer((WEATHER, TIME))),
        ("none", NOTHING_OFFERED),
        ("required", Offer((WEATHER, TIME), must=True)),
        ({"type": "function", "function": {"name": "get_time"}}, Offer((TIME,), must=True)),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"function": {"name": "get_time"}}]},
            },
            Offer((TIME,)),
        ),
    ],
)
def test_the_choice_says_what_may_and_what_must_be_called(choice: Any, offer: Offer) -> None:
    assert native_offer(native(WEATHER, TIME), choice) == offer


@pytest.mark.parametrize("choice", [None, "required", {"type": "function", "function": {"name": "get_time"}}])
def test_a_request_without_parallel_calls_offers_one_call(choice: Any) -> None:
    assert native_offer(native(WEATHER, TIME), choice, single=True).single
    assert not native_offer(native(WEATHER, TIME), choice).single


def test_the_adapter_s_words_for_one_call_are_read_as_they_were_meant() -> None:
    now = for_now(ToldOffer(functions=TOLD, single=True))
    assert told_offer([standing(TOLD, 500)], now) == Offer((WEATHER, TIME), in_words=True, single=True)


def test_what_the_adapter_tells_in_words_is_read_as_it_was_meant() -> None:
    assert told_offer(["other words", standing(TOLD, 500)], "") == Offer((WEATHER, TIME), in_words=True)


def test_the_brief_form_tells_names_of_parameters() -> None:
    (weather, time) = told_offer([brief_standing(TOLD)], "").tools
    assert (weather.name, weather.parameters) == ("get_weather", SCHEMA)
    assert (time.name, time.parameters["required"]) == ("get_time", [])


def test_the_first_text_that_lists_tools_counts() -> None:
    texts = [standing(TOLD[:1], 500), standing(TOLD[1:], 500)]
    assert [tool.name for tool in told_offer(texts, "").tools] == ["get_weather"]


@pytest.mark.parametrize(
    ("choice", "offer"),
    [
        (Choice(mode=CallMode.NEVER), NOTHING_OFFERED),
        (Choice(mode=CallMode.ALWAYS), Offer((WEATHER, TIME), in_words=True, must=True)),
        (
            Choice(mode=CallMode.ALWAYS, names=frozenset({"get_time"})),
            Offer((TIME,), in_words=True, must=True),
        ),
    ],
)
def test_what_holds_for_the_next_answer_is_read_as_it_was_meant(choice: Choice, offer: Offer) -> None:
    now = for_now(ToldOffer(functions=TOLD, choice=choice))
    assert told_offer([standing(TOLD, 500)], now) == offer


@pytest.mark.parametrize("text", ["", "get_weather(city)", '{"tool_calls"}\n{"name": 1}\n{"name"\nprose (x)'])
def test_other_texts_offer_nothing(text: str) -> None:
    assert told_offer([text], text).tools == ()
