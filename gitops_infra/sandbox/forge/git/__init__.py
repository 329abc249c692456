"""Git: bare repositories, and the transports that move refs under the forge's decisions."""
