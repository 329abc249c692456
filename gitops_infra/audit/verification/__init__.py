"""One module per subject of `gitops-infra verify`: its codes, and a function from what is planned to what is wrong."""
