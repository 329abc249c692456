"""The guarantee, measured: who can move what, by real pushes and calls, and whether a weakening is noticed."""
