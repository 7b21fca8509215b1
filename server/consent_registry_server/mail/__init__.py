"""Takes messages sent to the mailto address of `List-Unsubscribe`, and unsubscribes by their token.

It stands behind the company's mail server, speaks LMTP or SMTP, knows the registry by its client
library alone, keeps no message and never sends one.
"""
