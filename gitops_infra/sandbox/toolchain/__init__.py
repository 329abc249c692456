"""The real engine without a download page: found, or built from released Go modules into a cache."""
