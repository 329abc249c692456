"""Plan -> what an agent in a cluster is told. Pure."""
