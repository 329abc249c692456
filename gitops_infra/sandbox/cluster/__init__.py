"""Real Kubernetes clusters with Flux, as processes on loopback: API server, controllers, Flux, and played machines."""
