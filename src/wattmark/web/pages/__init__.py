"""Pages: read models and words to what a template shows; one module per part of the site."""
