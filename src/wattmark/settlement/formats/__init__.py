"""Outside encodings of settlement columns."""
