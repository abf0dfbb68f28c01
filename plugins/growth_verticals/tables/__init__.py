"""The table bucket: catalog, tables made from their SQL files, staging, exactly-once commits, maintenance."""
