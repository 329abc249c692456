"""Stand-ins and tools to run everything on one machine: forge, engine, demo. Nothing of the SDK imports it."""
