"""The words of OpenTelemetry's conventions for generative AI that are used here, and the only values that foreign words become.

The library's own constants are marked as moving, so the words stand here; a test holds them against the library's.
"""

from typing import Final

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
CONVERSATION: Final = "gen_ai.conversation.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
TOKEN_KIND: Final = "gen_ai.token.type"  # noqa: S105
ERROR_TYPE: Final = "error.type"
METHOD: Final = "http.request.method"
ROUTE: Final = "http.route"
STATUS: Final = "http.response.status_code"

RUN_ID: Final = "mix2api.run_id"
"""Ours: `mix2api explain` takes it."""
CLIENT: Final = "mix2api.client"
"""Ours: a `ClientName`."""

CHAT: Final = "chat"
"""The operation of every turn, whichever API asked for it."""
FAILED_FINISH: Final = "error"
"""The finish reason where a finish was due and none came."""
OTHER_ERROR: Final = "_OTHER"
"""The conventions' `error.type` where no word is known."""
OTHER_MODEL: Final = "other"


def model_word(model: str, known: frozenset[str]) -> str:
    """A configured model's name; clients choose names freely, and each other one would be a series of its own."""
    return model if model in known else OTHER_MODEL
