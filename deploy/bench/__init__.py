"""What a report costs: CPU of the gateway against a peer, and of every process along the whole way."""
