"""tfseg: labelled photos of people in, a small proven on-device model out, and the same model cutting people out."""

__version__ = "0.1.0"
