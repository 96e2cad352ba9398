"""Computations in processes of their own, so that nobody waits for another's: what a worker can do, the worker, and the pool."""
