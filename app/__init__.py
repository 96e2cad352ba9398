"""The Streamlit shell: navigation, shared widgets and figures, cached state."""
