"""The gRPC side: the call's way in, its checks, and the servicers.

Nothing is imported here, so that settings can be read before gRPC is.
"""
