"""What the papers report, beside what is measured here."""
