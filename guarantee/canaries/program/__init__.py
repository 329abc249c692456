"""The program of the canaries; Pulumi runs this folder."""
