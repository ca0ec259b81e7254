"""The event log: its kinds, their bytes, and the port through which it is written and read. No I/O."""
