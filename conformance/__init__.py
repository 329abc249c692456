"""The upstream provider's own acceptance tests, run against the sandbox forge: `python -m conformance`."""
