"""Read models: what the API and the pages show, as frozen values; nothing here changes anything."""
