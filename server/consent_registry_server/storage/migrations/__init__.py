"""The migrations: forward only, because a step back would drop what people asked for."""
