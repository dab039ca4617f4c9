"""`eightbells loadtest burst` against a real ledger: what is missing, altered or too much is found."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.cli import main
from tests.integration.loadtest.conftest import Gateway, Ledger, acceptance
from tests.waiting import patiently

EIGHTBELLS = Path(sys.executable).with_name("eightbells")
REFUSAL = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"
OVERLOAD = b"HTTP/1.1 503 x\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"


def arguments(gateway: Gateway, tokens: Path, *more: str) -> list[str]:
    return [
        *("loadtest", "burst", "--tokens", str(tokens), "--over", "0.2", "--settle", "8"),
        *("--gateway", gateway.url, "--database", gateway.ledger.reader_url, *more),
    ]


async def command(gateway: Gateway, tokens: Path, *more: str) -> Result:
    """Run the command in a thread, while the gateway answers in this one."""
    async with gateway.listening():
        return await asyncio.to_thread(CliRunner().invoke, main, arguments(gateway, tokens, *more))


async def burst(gateway: Gateway, tokens: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the account."""
    result = await command(gateway, tokens, "--json", *more)
    return result.exit_code, json.loads(result.stdout) if result.stdout else {}


async def test_all_found_is_exit_code_0(ledger: Ledger, tokens: Path) -> None:
    code, account = await burst(Gateway(ledger, 20), tokens)
    assert (code, account["ok"], account["accepted"], account["projected"]) == (0, True, 20, 20)


async def test_a_removed_row_is_a_lost_report_and_exit_code_1(ledger: Ledger, tokens: Path) -> None:
    class Removing(Gateway):
        async def finish(self) -> None:
            await self.ledger.remove(7)
            await self.ledger.commit()

    code, account = await burst(Removing(ledger, 20), tokens)
    assert (code, account["ok"]) == (1, False)
    assert (account["accepted"], account["projected"], len(account["lost"])) == (20, 19, 1)


async def test_a_row_that_never_comes_is_a_lost_report(ledger: Ledger, tokens: Path) -> None:
    class Forgetful(Gateway):
        async def answer(self, number: int, body: bytes) -> bytes:
            return acceptance(body, 10) if number == 5 else await super().answer(number, body)

    code, account = await burst(Forgetful(ledger, 20), tokens)
    assert (code, len(account["lost"])) == (1, 1)


async def test_a_worker_that_stands_still_is_waited_for_no_longer_than_asked(
    ledger: Ledger, tokens: Path
) -> None:
    class Standing(Gateway):
        async def answer(self, number: int, body: bytes) -> bytes:
            return acceptance(body, number)

        async def finish(self) -> None: ...

    code, account = await burst(Standing(ledger, 20), tokens, "--settle", "1")
    assert (code, len(account["lost"])) == (1, 20)


async def test_a_row_with_other_bytes_is_lost_and_invented(ledger: Ledger, tokens: Path) -> None:
    class Altering(Gateway):
        async def answer(self, number: int, body: bytes) -> bytes:
            altered = body.replace(b'"V-0042"', b'"V-0043"') if number == 3 else body
            return acceptance(body, await self.ledger.write(altered))

    code, account = await burst(Altering(ledger, 20), tokens)
    assert (code, len(account["lost"]), len(account["invented"])) == (1, 1, 1)


async def test_a_refused_report_that_appears_is_invented(ledger: Ledger, tokens: Path) -> None:
    class TwoFaced(Gateway):
        async def answer(self, number: int, body: bytes) -> bytes:
            answer = await super().answer(number, body)
            return REFUSAL if number == 3 else answer

    code, account = await burst(TwoFaced(ledger, 20), tokens)
    assert (code, account["accepted"], len(account["invented"])) == (1, 19, 1)
    assert account["errors"] == {"403": 1}


async def test_two_accepted_rows_are_doubled(ledger: Ledger, tokens: Path) -> None:
    class Doubling(Gateway):
        async def answer(self, number: int, body: bytes) -> bytes:
            return acceptance(body, await self.ledger.write(body, twice=number == 3))

    code, account = await burst(Doubling(ledger, 20), tokens)
    assert (code, len(account["doubled"]), account["projected"]) == (1, 1, 20)


async def test_a_retried_report_may_leave_a_duplicate(ledger: Ledger, tokens: Path) -> None:
    class Overloaded(Gateway):
        """The first answer is lost on the way: the report is in, and its sender doesn't know."""

        known: frozenset[bytes] = frozenset()

        async def answer(self, number: int, body: bytes) -> bytes:
            if number <= 3:
                await self.ledger.write(body)
                self.known |= {body}
                return OVERLOAD
            disposition = "duplicate" if body in self.known else "accepted"
            return acceptance(body, await self.ledger.write(body, disposition))

    code, account = await burst(Overloaded(ledger, 23), tokens, "--retry")
    assert (code, account["accepted"], account["projected"]) == (0, 20, 20)
    assert account["errors"] == {"503": 3}


async def test_an_unknown_outcome_may_have_landed(ledger: Ledger, tokens: Path) -> None:
    class Unsure(Gateway):
        async def answer(self, number: int, body: bytes) -> bytes:
            answer = await super().answer(number, body)
            return OVERLOAD if number == 3 else answer

    code, account = await burst(Unsure(ledger, 20), tokens)
    assert (code, account["accepted"], account["landedUnknown"]) == (0, 19, 1)


async def test_quarantined_reports_are_counted_by_reason(ledger: Ledger, tokens: Path) -> None:
    class Strict(Gateway):
        async def answer(self, number: int, body: bytes) -> bytes:
            disposition = "quarantined" if number == 3 else "accepted"
            return acceptance(body, await self.ledger.write(body, disposition))

    code, account = await burst(Strict(ledger, 20), tokens)
    assert (code, account["projected"], account["quarantined"]) == (0, 19, {"conflict": 1})


async def test_a_burst_of_which_nothing_was_accepted_proves_nothing(ledger: Ledger, tokens: Path) -> None:
    class Closed(Gateway):
        async def answer(self, number: int, body: bytes) -> bytes:
            return REFUSAL

    code, account = await burst(Closed(ledger, 20), tokens)
    assert (code, account["accepted"], account["ok"]) == (1, 0, False)


async def test_people_read_it_in_one_line(ledger: Ledger, tokens: Path) -> None:
    result = await command(Gateway(ledger, 20), tokens)
    assert result.stdout.splitlines()[-1] == "20 sent, 20 accepted, 20 projected, 0 lost"


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1:8080", "https://127.0.0.1:1", "http://gateway.example"], ids=str
)
async def test_a_burst_stays_on_this_machine(ledger: Ledger, tokens: Path, url: str) -> None:
    gateway = Gateway(ledger, 20)
    code, _ = await burst(gateway, tokens, "--gateway", url)
    assert (code, gateway.seen) == (2, 0)


async def test_a_production_study_is_refused_before_anything_is_sent(ledger: Ledger, tokens: Path) -> None:
    await ledger.owner.execute("update studies set purpose = 'production'")
    gateway = Gateway(ledger, 20)
    code, _ = await burst(gateway, tokens)
    assert (code, gateway.seen) == (2, 0)


async def test_without_a_database_nothing_is_sent(ledger: Ledger, tokens: Path) -> None:
    gateway = Gateway(ledger, 20)
    code, _ = await burst(gateway, tokens, "--database", "postgresql://eightbells_reader@127.0.0.1:1/none")
    assert (code, gateway.seen) == (3, 0)


def heed_ctrl_c() -> None:
    """Shells start what runs in their background with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


async def test_ctrl_c_ends_it_with_what_is_known(ledger: Ledger, tokens: Path) -> None:
    gateway = Gateway(ledger, 1)
    async with gateway.listening():
        process = await asyncio.create_subprocess_exec(
            EIGHTBELLS,
            *arguments(gateway, tokens, "--over", "60", "--json"),
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=heed_ctrl_c,
        )
        async with patiently():
            while gateway.seen < 1:  # noqa: ASYNC110 - it is another process that we wait for
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
    account = json.loads(output)
    assert process.returncode == 130
    assert account["interrupted"]
    assert account["reports"] == 20
    assert 1 <= account["sent"] < 20
