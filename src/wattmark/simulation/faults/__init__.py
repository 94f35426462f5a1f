"""The deterministic fault simulator: disk, clock and network that fail by a seed, and the laws that must hold."""
