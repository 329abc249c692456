"""Every managed setting, changed behind Pulumi's back: `gitops-infra verify` must find each."""
