"""Pages rendered on the server, in Japanese and English, readable without JavaScript."""
