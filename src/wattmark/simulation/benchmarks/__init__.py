"""Benchmarks: each measures an engine of ours, a limit of this machine and peers, on one workload in one run."""
