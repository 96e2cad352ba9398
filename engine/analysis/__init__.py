"""What perturbations and methods do, in numbers: traces, tables and the pictures' data."""
