"""Accounts of upstreams as pure rules: what the file says, states from evidence, reset hints, and the choice. No I/O."""
