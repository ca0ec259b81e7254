"""What is computed from the log after the fact: pure folds over entries, `initial` and `apply` each. No I/O."""
