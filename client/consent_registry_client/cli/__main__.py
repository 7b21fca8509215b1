"""Lets `python -m consent_registry_client.cli` stand in for `consentctl`."""

from consent_registry_client.cli import main

main()
