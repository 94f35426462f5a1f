"""Use cases, one verb each: load, decide, save."""
