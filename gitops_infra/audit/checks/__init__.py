"""One module per subject of the preflight: a function from a scene to findings."""
