"""Small plugins over Pulumi's own protocols, for the sandbox only: they never enter the user's PULUMI_HOME."""
