"""Certificates: proof bundles, their offline verification, stamps."""
