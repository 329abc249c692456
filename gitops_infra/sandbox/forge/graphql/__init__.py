"""The part of GitHub's GraphQL interface that its command line uses. What is not there is refused by name."""
