"""One module per kind of measurement; each returns its results."""
