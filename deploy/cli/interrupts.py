"""Commands that start things end in an orderly way, whoever asks them to."""

import signal


def end_on_sigterm() -> None:
    """Let SIGTERM do what Ctrl-C does; and let Ctrl-C work also where a shell had it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
