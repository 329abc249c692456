// Upstream's acceptance tests, at the version that the GitHub provider of the sandbox is built from. Nothing here imports
// it, so `go mod tidy` would remove it.
module sandbox/conformance

go 1.26.0

require github.com/integrations/terraform-provider-github/v6 v6.13.0
