"""Conversations as pure rules: turns, plans and tasks, the graph of a plan, the planner, and the result. No I/O."""
