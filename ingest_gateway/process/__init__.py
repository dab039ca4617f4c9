"""What each of our processes does the same way: logs, the admin listener, topic checks."""
