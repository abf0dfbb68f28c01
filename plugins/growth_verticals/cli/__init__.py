"""The commands of ./gv: one module per command, each with `EXAMPLE`, `add_arguments` and `run`."""
