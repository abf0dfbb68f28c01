"""Other tools that load the same file into the same catalog. Each runs in its own virtual environment."""
