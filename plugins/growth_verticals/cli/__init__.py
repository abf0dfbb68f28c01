"""The commands of ./gv: one module a command, each with `add_arguments` and `run`."""
