"""Access tokens: the keys that sign them, issuing and verifying."""
