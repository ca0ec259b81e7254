"""Limits of the execution of conversations."""

from attrs import frozen


@frozen(kw_only=True)
class ExecutionOptions:
    """As the settings say (`mix2api.settings.conversations`)."""

    model: str
    """Plans, and runs the tasks of agents without a model of their own."""
    parallel: int
    """Tasks of one plan at the same time."""
    calls: int
    """Model calls at the same time in this process."""
    call_timeout_s: float
    stall_s: float
    """A turn that makes no step for so long fails."""
    sweep_s: float
    """Between two looks for turns that nobody runs."""
