"""Engines: the only code that touches disks and databases; known to ``wiring`` alone."""
