"""Other ways to load the same file into the same catalog, each in a virtual environment of its own."""
