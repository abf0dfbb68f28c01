"""The stand-in for AWS and the vendors: an object store with S3 Tables behind a strict gateway, and an SFTP server.

It listens on loopback only. Production code never imports it.

    ./gv local up | down | status | env

docs/stand-in.md describes the servers and how they differ from AWS.
"""
