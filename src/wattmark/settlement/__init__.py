"""Settlement: matching, bank, tariffs, statements, plan customers."""
