"""The stand-in account and vendors: an object store with S3 Tables behind a strict gateway, and an SFTP server.

It runs on loopback alone and pretends to be other people's servers; nothing of the platform imports it.

    ./gv local up | down | status | env

docs/stand-in.md says what runs and where it still differs from AWS.
"""
