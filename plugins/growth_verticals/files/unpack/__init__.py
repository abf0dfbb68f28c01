"""Decryption and decompression: OpenPGP, compressed streams and zip archives. `layers.py` is the entry point."""
