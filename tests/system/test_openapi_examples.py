"""The document's examples are what a running server answers."""

import os
from pathlib import Path

import msgspec
from openapi.recording import ASKED, SETTINGS, answered, example_of
from redis_server import RedisServer
from whole_system import Shape, whole_system

import mix2api.openapi
from mix2api.openapi.recorded import Recorded, recorded_examples

_KEPT = Path(mix2api.openapi.__file__).with_name("examples.json")
RECORD = os.environ.get("MIX2API_RECORD") == "1"
"""Write the examples anew instead of comparing them."""


async def test_the_examples_are_what_a_running_server_answers(redis_server: RedisServer) -> None:
    recorded: dict[str, Recorded] = {}
    async with whole_system(Shape.SERVE, redis_server.url, **SETTINGS) as system:
        for name, asked in ASKED.items():
            recorded[name] = example_of(asked, await answered(system.client, asked))
    if RECORD:
        _KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(recorded), indent=1) + b"\n")
    assert recorded_examples() == recorded, "MIX2API_RECORD=1 writes them anew"
