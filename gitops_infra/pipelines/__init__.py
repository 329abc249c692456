"""Plan -> CI workflow documents: pure functions, text only in the last line."""
