"""Which words are like a word, and which of them may stand in its place."""
