"""Topology -> Plan: what must exist, decided by pure functions. No Pulumi, no forge SDK, no I/O."""
