"""Outside encodings of auctions and their curves."""
