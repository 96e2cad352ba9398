"""Deltabook's engine: adversarial training of pre-trained text encoders. It never imports streamlit."""

__version__ = "0.1.0"
