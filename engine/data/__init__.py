"""Tasks, sources, and the way from text to batches."""
