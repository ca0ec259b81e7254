"""smolagents: a `ToolCallingAgent` with one tool, on one task. Its arguments are base URL, key, model and task; it tells a JSON line."""

import json
import sys
from pathlib import Path

from smolagents import OpenAIModel, ToolCallingAgent, tool


@tool
def read_notes(page: int) -> str:
    """The notes of a page.

    Args:
        page: which.
    """
    return f"{page}: {Path('notes.txt').read_text()}"


url, key, name, task = sys.argv[1:]
model = OpenAIModel(model_id=name, api_base=url, api_key=key)
agent = ToolCallingAgent(tools=[read_notes], model=model, stream_outputs=True, verbosity_level=0, max_steps=4)
done = agent.run(task, return_full_result=True)
usage = done.token_usage
# What the agent prints while it streams ends without a line break.
sys.stdout.write(
    "\n"
    + json.dumps({"text": str(done.output), "input": usage.input_tokens, "output": usage.output_tokens})
    + "\n"
)
