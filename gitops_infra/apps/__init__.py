"""GitHub Apps that move environment branches: made by GitHub's manifest flow, known by their key, installed."""
