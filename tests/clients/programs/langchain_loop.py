"""langchain: an agent of its own, with `ChatOpenAI`; over the Responses API if the word `responses` is given."""

import sys

from asks import SeenUsage
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI
from lines import answer_loops
from loops import LoopAsk, LoopSeen, Ran


def see(ask: LoopAsk) -> LoopSeen:
    """Runs the agent to its end."""
    ran: list[Ran] = []
    model = ChatOpenAI(
        model=ask.model,
        base_url=ask.base_url,
        api_key=ask.key,
        streaming=ask.stream,
        stream_usage=True,
        use_responses_api="responses" in sys.argv,
        max_retries=0,
        default_headers={"x-request-id": ask.request_id},
    )
    agent = create_agent(model, [_tool(name, ran) for name in ask.tools])
    asked = {"messages": [{"role": "user", "content": ask.prompt}]}
    if not ask.stream:
        last = agent.invoke(asked)["messages"][-1]
        return LoopSeen(text=str(last.text), ran=ran, usage=_usage(last))
    answers: dict[str, AIMessageChunk] = {}
    for piece, _ in agent.stream(asked, stream_mode="messages"):
        if isinstance(piece, AIMessageChunk) and piece.id is not None:
            answers[piece.id] = answers[piece.id] + piece if piece.id in answers else piece
    last = list(answers.values())[-1]
    return LoopSeen(text=str(last.text), ran=ran, usage=_usage(last))


def _usage(message: AIMessage) -> SeenUsage | None:
    told = message.usage_metadata
    return told and SeenUsage(told["input_tokens"], told["output_tokens"], told["total_tokens"])


def _tool(name: str, ran: list[Ran]) -> StructuredTool:
    def run(n: int) -> str:
        ran.append(Ran(name, n))
        return f"{name}:{n}"

    return StructuredTool.from_function(run, name=name, description=f"{name} at a number")


answer_loops(see)
