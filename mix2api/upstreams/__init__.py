"""Upstream kinds behind one small port (`port`), one file or folder each, independent of one another."""
