"""Signed meter readings: envelopes, verification, registers, VEE rules, evidence tiers, formats."""
