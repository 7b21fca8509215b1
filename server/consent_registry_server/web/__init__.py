"""The unsubscribe handler for browsers and mailboxes; it knows the registry by its client alone."""
