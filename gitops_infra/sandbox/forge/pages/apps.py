"""Pages for GitHub Apps: made from a manifest, installed on an account."""

from gitops_infra.sandbox.forge.pages.site import Pages

PAGES: Pages = {}
