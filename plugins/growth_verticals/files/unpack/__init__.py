"""What is around a file's bytes: OpenPGP, compression and zip archives. `layers.py` takes them off one by one."""
