"""The gateway as a good team would write it today: FastAPI, pydantic, PyJWT, aiokafka. No tricks, no traps.

It answers the same reports with the same receipts, from the same topic settings: ``python -m
loadtest.peers.fastapi``. What the real gateway also does (admission, deadlines, drain) is left out, in the
peer's favour.
"""
