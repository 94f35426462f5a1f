"""Hashing and signatures: thin, over well-kept libraries."""
