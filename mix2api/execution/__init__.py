"""What runs the turns of conversations: plans, tasks and model calls, on the process that owns the conversation's shard."""
