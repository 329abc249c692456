"""What a topology may not say, as small rules.

A rule is a generator of problems over one topology, or over one environment or promotion of it. It may be given a
draft: reading a field that could not be parsed ends the rule for that object (`draft.skip_unreadable`).
"""
