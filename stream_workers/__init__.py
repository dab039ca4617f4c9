"""The workers that read the topics: reports now, alerts later."""
