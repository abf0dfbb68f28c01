"""The benchmarks of `make bench`: generated files, runs of the engine and of other tools, and the table of goals."""
