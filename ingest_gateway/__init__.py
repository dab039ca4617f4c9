"""The gateway that takes patients' reports, and the words and parts every other process shares with it."""
