"""SQLite: the disposable read model of one machine."""
