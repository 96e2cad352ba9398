"""The notebook: its page and cells, the pins of other pages, lessons, export and import."""
