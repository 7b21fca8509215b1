"""The exported log: all that only ever grows, in a file outside the database (ADR 0013)."""
