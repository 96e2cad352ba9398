"""What every page stands in: navigation, layout, what may reach the server, what is loaded once and shared."""
