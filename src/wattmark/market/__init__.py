"""Products, orders, the continuous book and the call auction."""
