"""The contract of the consent registry, generated from its .proto files."""
