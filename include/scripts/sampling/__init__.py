"""What `make_samples.py` is made of: the plan, made-up values, and vendors' formats."""
