"""How a plan is registered on a forge: one folder per forge, with equal file names."""
