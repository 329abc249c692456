"""GitHub. The only modules that import the GitHub provider's SDK."""
