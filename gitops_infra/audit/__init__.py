"""Live state against what is wanted."""
