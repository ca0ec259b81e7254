"""Redis itself: where it is, connections to it, what must hold of it, and the server that a process can start."""
