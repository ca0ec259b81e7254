"""How a turn travels between processes: messages, the edge's half of the Redis `Dispatch`. Sealed by the store's post."""
