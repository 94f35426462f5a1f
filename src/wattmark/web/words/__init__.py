"""The words of the pages, one module per part of the site; each maps a key to both languages."""
