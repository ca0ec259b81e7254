"""langchain: an agent of its own, with `ChatOpenAI`."""

from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk
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
        max_retries=0,
        default_headers={"x-request-id": ask.request_id},
    )
    agent = create_agent(model, [_tool(name, ran) for name in ask.tools])
    asked = {"messages": [{"role": "user", "content": ask.prompt}]}
    if not ask.stream:
        return LoopSeen(text=str(agent.invoke(asked)["messages"][-1].text), ran=ran)
    texts: dict[str, str] = {}
    for piece, _ in agent.stream(asked, stream_mode="messages"):
        if isinstance(piece, AIMessageChunk) and piece.id is not None:
            texts[piece.id] = texts.get(piece.id, "") + str(piece.text)
    return LoopSeen(text=list(texts.values())[-1], ran=ran)


def _tool(name: str, ran: list[Ran]) -> StructuredTool:
    def run(n: int) -> str:
        ran.append(Ran(name, n))
        return f"{name}:{n}"

    return StructuredTool.from_function(run, name=name, description=f"{name} at a number")


answer_loops(see)
