"""The ``eightbells`` command. Subcommands are imported only when they are called."""

import importlib
from pathlib import Path
from typing import Final, NamedTuple, cast

import click

from deploy.errors import exit_code, is_ours


class Subcommand(NamedTuple):
    """Where a subcommand lives, and the line that ``eightbells --help`` shows for it."""

    where: str
    summary: str


SECTIONS: Final[dict[str, dict[str, Subcommand]]] = {
    "The local stack": {
        "up": Subcommand("deploy.cli.stack:up", "Start Kafka, PostgreSQL and every process of Eight Bells."),
        "status": Subcommand("deploy.cli.stack:status", "Show addresses, processes and restarts."),
        "logs": Subcommand("deploy.cli.stack:logs", "Print or follow what the processes write."),
        "doctor": Subcommand(
            "deploy.cli.doctor:doctor", "Follow one report end to end; name what is broken."
        ),
        "down": Subcommand("deploy.cli.stack:down", "Stop the stack; its data stays."),
        "reset": Subcommand("deploy.cli.stack:reset", "Delete a stopped stack's data."),
        "migrate": Subcommand("deploy.cli.stack:migrate", "Bring the database to the newest schema."),
        "topics": Subcommand("deploy.cli.stack:topics", "Make and check the Kafka topics."),
    },
    "Studies and patients": {
        "study": Subcommand("deploy.cli.study:study", "Check and apply a study file."),
        "enrol": Subcommand("deploy.cli.enrol:enrol", "Enrol patients from a CSV file."),
        "tokens": Subcommand("deploy.cli.tokens:tokens", "Mint patients' tokens for tests."),
        "verify": Subcommand("deploy.cli.verify:verify", "Prove that the ledger lost and doubled nothing."),
    },
    "Load and demonstration": {
        "demo": Subcommand("deploy.cli.demo:demo", "A whole burst, from enrolment to the study board."),
        "loadtest": Subcommand(
            "deploy.cli.loadtest:loadtest", "Send a burst and look for every report of it."
        ),
        "bench": Subcommand("deploy.cli.bench:bench", "Measure CPU per report."),
    },
}
SUBCOMMANDS: Final = {name: command for section in SECTIONS.values() for name, command in section.items()}

INTERRUPTED: Final = 130
_WRONG_USE: Final = 2

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="EIGHTBELLS_DATA",
    default=Path(".eightbells"),
    show_default=".eightbells here",
    help="The stack's directory (or EIGHTBELLS_DATA).",
)
"""``--data DIR``: which stack a command talks to; the same on every command."""


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
"""``--json``: one document on standard output, and nothing else there."""


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is called, and turns errors for the operator into one line.

    Exit codes: 0 fine, 1 the answer is no, 2 wrong use, 3 the stack isn't there, 130 interrupted. An error
    class of ours chooses its own by an ``exit_code`` attribute.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every subcommand, in the order in which one needs them."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the subcommand.

        Raises:
            click.ClickException: this installation is without it.
        """
        if cmd_name not in SUBCOMMANDS:
            return None
        module, _, attribute = SUBCOMMANDS[cmd_name].where.partition(":")
        try:
            command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise click.ClickException(f"This installation is without the command {cmd_name!r}.") from None
        return cast("click.Command", command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections from the table: asking for help imports nothing."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, command.summary) for name, command in commands.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; what our own classes raise becomes one line and its exit code.

        So does a file or directory that the system refuses: a wrong place was given.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if is_ours(error):
                click.echo(f"Error: {error}", err=True)
                ctx.exit(exit_code(error))
            if isinstance(error, OSError) and error.filename:
                click.echo(f"Error: {error.filename}: {error.strerror}.", err=True)
                ctx.exit(_WRONG_USE)
            raise


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="eightbells", prog_name="eightbells")
def main() -> None:
    """Take the 8 AM and 8 PM bursts of patient-reported outcomes, and lose none of them.

    Start with `eightbells up`, or with `make demo` for a whole burst.
    """
