"""PostgreSQL: the ledger, the vault and what is derived from them."""
