"""Seeded worlds, communities, agents and faults that run on the real platform."""
