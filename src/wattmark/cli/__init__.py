"""The ``wattmark`` program: one file per command, heavy imports only inside the commands."""
