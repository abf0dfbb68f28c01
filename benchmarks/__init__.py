"""What `make bench` runs: made-up files, the engine and its peers in turn, and the table of goals."""
