"""The matrix: every actor tries every operation on every kind of ref, in what a real `pulumi up` made."""
