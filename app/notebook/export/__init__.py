"""A notebook as a Jupyter notebook, as one HTML file, as Markdown with pictures; one result as a file."""
