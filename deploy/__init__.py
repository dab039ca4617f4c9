"""Running Eight Bells: the local stack and the ``eightbells`` command."""
