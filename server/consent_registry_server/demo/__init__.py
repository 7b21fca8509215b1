"""The demonstration: a real server, ten thousand people who do not exist, one audience file."""

from consent_registry_server.demo.program import run

__all__ = ["run"]
