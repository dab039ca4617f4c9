"""How much the gateway takes on: in flight as a whole, and from one patient over time."""


class Admission:
    """Reports and bytes in flight, each with a limit, and the reason while nothing at all is taken.

    What is reserved stays counted until Kafka settles it, also after its sender has been answered.
    """

    __slots__ = ("bytes", "closed_because", "max_bytes", "max_reports", "reports")

    def __init__(self, max_reports: int, max_bytes: int) -> None:
        self.max_reports = max_reports
        self.max_bytes = max_bytes
        self.reports = 0
        self.bytes = 0
        self.closed_because: str | None = None

    def refuses(self) -> str | None:
        """Why a new report is not taken now, for its sender; None when it is."""
        if self.closed_because is not None:
            return self.closed_because
        if self.reports >= self.max_reports or self.bytes >= self.max_bytes:
            return "Too many reports are in flight."
        return None

    def reserve(self, size: int) -> None:
        """Count a request, and the most bytes its body may have."""
        self.reports += 1
        self.bytes += size

    def release(self, reports: int, size: int) -> None:
        """Stop counting."""
        self.reports -= reports
        self.bytes -= size


class UnfinishedLimit:
    """What each sender's unfinished bodies hold of what is in flight, so that no one sender holds all of it.

    A body that arrives with its header never comes here.
    """

    _LEAST = 64 * 1024
    """An unfinished body counts as so many bytes at least: its connection costs something, too."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held: dict[str, int] = {}

    def begin(self, sender: str, size: int) -> bool:
        """Count a body that is still to come. False, and not counted, where the sender has too many."""
        held = self._held.get(sender, 0) + max(size, self._LEAST)
        if held > self._most:
            return False
        self._held[sender] = held
        return True

    def end(self, sender: str, size: int) -> None:
        """Stop counting one."""
        held = self._held.pop(sender) - max(size, self._LEAST)
        if held:
            self._held[sender] = held

    def __len__(self) -> int:
        return len(self._held)


class SenderLimit:
    """A token bucket for each sender, kept as one number: when the bucket would be full again.

    Only senders with a valid token get a bucket, and full ones are forgotten, so memory stays bounded.
    """

    def __init__(self, burst: int, per_minute: float) -> None:
        self._interval = 60 / per_minute
        self._tolerance = burst * self._interval
        self._full_at: dict[str, float] = {}

    def take(self, sender: str, now: float, count: int = 1) -> float:
        """Take tokens from a sender's bucket. Returns 0, or the seconds until that would have been possible.

        Args:
            sender: whose bucket.
            now: seconds on a clock that never goes back.
            count: how many reports are sent at once.
        """
        full_at = self._full_at.get(sender, now)
        if full_at < now:
            full_at = now
        full_at += count * self._interval
        wait = full_at - now - self._tolerance
        if wait > 0:
            return wait
        self._full_at[sender] = full_at
        return 0

    def forget_full(self, now: float) -> None:
        """Drop the buckets that are full again."""
        self._full_at = {sender: full_at for sender, full_at in self._full_at.items() if full_at > now}

    def __len__(self) -> int:
        return len(self._full_at)
