"""What runs the turns of conversations in one process."""

from collections.abc import Mapping

from attrs import frozen

from mix2api.clock import Clock
from mix2api.conversations.agents import ASSISTANT, Agent
from mix2api.execution.model_calls import ModelCalls
from mix2api.execution.options import ExecutionOptions
from mix2api.execution.planning import Planner
from mix2api.store.conversations import Conversations
from mix2api.vocabulary import ProcessId


@frozen(kw_only=True)
class ExecutionParts:
    """The parts, one set for a process."""

    store: Conversations
    calls: ModelCalls
    options: ExecutionOptions
    planner: Planner
    agents: Mapping[str, Agent]
    """By key; the fallback is always among them."""
    process: ProcessId
    clock: Clock

    def agent(self, key: str) -> Agent:
        """The agent of a node; the fallback where the file has lost it since the plan was made."""
        return self.agents.get(key, ASSISTANT)
