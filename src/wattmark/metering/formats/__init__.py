"""Outside encodings of readings, and the columns a verified reading is kept in."""
