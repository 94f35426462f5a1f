"""The state machine: flat integer arrays, one batch of commands at a time, one named outcome each."""
