"""Live push: what the outbox says, to every open dashboard whose scope it lies in.

One connection per process listens to the relay, however many sockets there are. It reads each numbered batch
once, gathers what comes within 75 ms, and hands it to the ``Hub``, which makes one frame per distinct scope
(sites and permissions) and puts the same frame into the queue of every socket of that scope.

A frame is ``{"events": [...], "cursor": "epoch.batch", "asOf": ...}``. Its cursor covers every batch up to
it, also those that held nothing for the reader, so whoever comes back with the last cursor seen gets each
event exactly once. A cursor of another epoch, from the future, or too far back gets
``{"resync": true, "cursor": ...}``: read everything again, then go on from there.

Events are the outbox's, but for ``board.counters``, which is made here. ``visit.overdue`` will come through
the outbox like the others once something runs the clinical clock; until then a reader goes by its own.

``asOf`` is how fresh the counters are (see projections.read_api.freshness). Counters are absolute sums per
site and window, so a reader may lose any of them but the last.
"""
