"""What results look like: figures, token strips, tables; escaped text. Touches no page."""
