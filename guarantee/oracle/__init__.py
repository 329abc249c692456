"""A second description of the guarantee, and random attempts on random topologies that it judges."""
