"""The demonstration: its study, its made-up patients, and when their reports are due."""
