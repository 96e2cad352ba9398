"""The Streamlit app: pages → panels → notebook → widgets → views and shell → drawing."""
