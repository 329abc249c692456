"""Public component resources, one per module."""
