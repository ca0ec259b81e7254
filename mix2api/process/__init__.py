"""What a process is made of: its parts, and its life from start to orderly end. The commands in `cli/` run it."""
