"""Notebooks: what was found, kept with notes, and how to find it again."""
