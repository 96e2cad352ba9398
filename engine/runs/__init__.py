"""A run as a thing that lasts: its configuration, its row in the database, its process, the queue."""
