"""What the registry knows and decides, without I/O, clock, protobuf or SQL."""
