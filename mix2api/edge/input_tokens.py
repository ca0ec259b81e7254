"""`POST /v1/responses/input_tokens`: the upstream of the Responses API counts what a request would take.

Only the upstream knows that: its own tools, files and earlier responses count, too. Where a model's upstream has another API,
the route does not exist.
"""

from typing import Final

from mix2api.edge.api_form import ApiForm, SubmittedRun
from mix2api.edge.relayed_responses import RelayedAnswer, RelayedRenderer
from mix2api.edge.request import EdgeRequest
from mix2api.edge.responses import base_in, is_relayed, not_stored
from mix2api.sessions.sites import Sites
from mix2api.steps import Steps
from mix2api.wire.responses_passed import model_in, passed_turn_steps
from mix2api.wire.turn import Operation, Turn

_OPERATION: Final = Operation("POST", "input_tokens")


def _turn_steps(request: EdgeRequest, body: bytes, *, sites: Sites) -> Steps[Turn]:
    """The turn that is counted. A body without a model gets the reader's own refusal.

    Raises:
        NotFound: the model's upstream does not speak this API.
    """
    if model_in(body) is not None and not is_relayed(body, sites):
        raise not_stored()
    return (yield from passed_turn_steps(body, operation=_OPERATION, asked_base=base_in(request)))


def _whole(_: SubmittedRun) -> RelayedAnswer:
    return RelayedAnswer()


INPUT_TOKENS: Final = ApiForm(turn_steps=_turn_steps, renderer=RelayedRenderer, whole=_whole)
"""How such requests are read and answered."""
