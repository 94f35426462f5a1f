"""Conformance suites: one per port, run by every engine in a test file of about 15 lines."""
