"""A client of Eight Bells that sends bursts, open loop, and then proves what became of every report."""
