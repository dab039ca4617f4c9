"""``python -m projections.read_api.openapi``: the API's OpenAPI document, for clients; needs no database."""

import sys

import orjson

from projections.read_api.app import build_api


def main() -> int:
    """Print the document that a running API serves under /openapi.json."""
    sys.stdout.buffer.write(orjson.dumps(build_api().openapi(), option=orjson.OPT_INDENT_2) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
