"""Canaries: every secret of a whole life of a stack is known, and looked for in everything that the life leaves."""
