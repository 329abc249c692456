// The GitHub provider of the sandbox: the upstream Terraform provider behind Pulumi's own bridge,
// with the tokens and property shapes of the published pulumi-github package.
package main

import (
	"os"
	"time"

	"github.com/integrations/terraform-provider-github/v6/github"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// version is set by the linker, to the release of pulumi-github that carries the same upstream.
var version = "0.0.0"

func main() {
	go exitWithParent()
	info := tfbridge.ProviderInfo{
		P:                       shim.NewProvider(github.NewProvider(version, "")()),
		Name:                    "github",
		Version:                 version,
		GitHubOrg:               "integrations",
		TFProviderModuleVersion: "v6",
		MetadataInfo:            tfbridge.NewProviderMetadata([]byte("{}")),
		Config: map[string]*tfbridge.SchemaInfo{
			"base_url": {Default: &tfbridge.DefaultInfo{EnvVars: []string{"GITHUB_BASE_URL"}, Value: "https://api.github.com/"}},
			"token":    {Default: &tfbridge.DefaultInfo{EnvVars: []string{"GITHUB_TOKEN"}}, Secret: tfbridge.True()},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"github_actions_environment_secret": {DeleteBeforeReplace: true},
			"github_repository_collaborator":    {DeleteBeforeReplace: true},
			"github_repository_deploy_key":      {DeleteBeforeReplace: true},
			// The published package keeps a list here; folding it to one object drops reviewers silently.
			"github_repository_environment": {
				Fields: map[string]*tfbridge.SchemaInfo{"reviewers": {MaxItemsOne: tfbridge.False()}},
			},
		},
	}
	info.MustComputeTokens(tokens.SingleModule("github_", "index", tokens.MakeStandard("github")))
	info.SetAutonaming(255, "-")
	tfbridge.Main("github", version, info, []byte("{}"))
}

// exitWithParent ends the provider when a killed engine leaves it behind.
func exitWithParent() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(500 * time.Millisecond)
	}
	os.Exit(1)
}
