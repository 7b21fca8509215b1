"""The consent and opt-out registry: a gRPC server on PostgreSQL."""
