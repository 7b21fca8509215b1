"""What happens to every call before and after its servicer, in one fixed order."""
