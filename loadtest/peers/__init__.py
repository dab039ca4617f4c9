"""Other ways to build the gateway, to measure ours against. Never part of the product."""
