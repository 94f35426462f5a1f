"""Fair play: rules over a day of orders and trades that find what an honest market does not show."""
