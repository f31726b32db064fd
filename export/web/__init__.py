"""A static page that cuts people out of photos on the visitor's device: `python -m export.web`."""
