"""Takes a stack up again after a killed `pulumi up`: what was made and not written down is looked up and imported."""
