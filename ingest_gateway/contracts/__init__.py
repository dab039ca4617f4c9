"""The words every part shares: reports, receipts, problems, topics and partitions. Imports nothing else of ours."""
