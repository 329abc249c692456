"""What those who start clusters and those who look for them agree on."""

NAMES = ("staging", "production", "review")
"""Clusters of a sandbox, the most useful first."""
LOCK = "lock"
"""File in the folder of clusters that run, held by who started them: two etcds would destroy the data."""
