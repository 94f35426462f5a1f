"""Bundles and lots: every metered watt-hour as a numbered token."""
