"""The kubernetes provider of the sandbox, for the resource types that the SDK uses."""
