"""The forge's web pages: plain HTML, no script, everything escaped."""
