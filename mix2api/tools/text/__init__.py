"""Tool calls that a model writes as text: recognition, and what is cut around it. One reader a turn, fed in pieces."""
