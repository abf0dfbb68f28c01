"""Random campaigns: made-up deliveries are loaded, replayed and undone while processes, servers and networks fail."""
