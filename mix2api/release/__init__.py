"""A release as pure rules: its steps, the channels' shares, and what the guard of a release concludes. No I/O (ADR 88, ADR 90)."""
