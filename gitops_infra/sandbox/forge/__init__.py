"""A stand-in for GitHub that enforces what it is told: `server.Sandbox` in this process, `daemon.up` in its own."""
