"""What the components cost: time, memory and forge calls, as ratios within one run."""
