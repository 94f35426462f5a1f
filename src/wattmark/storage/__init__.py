"""Engines behind the ports; only the wiring and the conformance tests name one."""
