"""The verbs of the command line, by what they do. Each module's `add` says which verbs it has."""
