"""What `up` made, weakened by one change at a time: the matrix or the audit must notice each."""
