"""The modules of `make_samples.py`: the plan, fictional values, and the vendors' formats."""
