"""What can be looked at, by a reference that can be written down: classifiers, ELECTRA pairs, runs; with a sentence or data."""
