"""The words every part shares: reports, receipts, problems, topics, partitions. Imports nothing of ours."""
