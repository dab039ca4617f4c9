"""Postgres as the truth: the ledger, visit status and counters, and what reads them."""
