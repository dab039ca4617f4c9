"""A client that simulates bursts and looks whether anything was lost."""
