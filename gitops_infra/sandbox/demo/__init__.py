"""The main job, told step by step: `gitops-infra demo`."""
