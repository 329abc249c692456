"""The leaky program; Pulumi runs this folder."""
