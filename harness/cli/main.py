"""``brownout``: run, serve, report, list."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console as Terminal
from rich.markup import escape

from brownout.faults.values.errors import BrownoutError, ConfigError, SetupError
from brownout.harness.cli.schema import Files

__all__ = ["app", "main"]

app = typer.Typer(
    name="brownout",
    help="Chaos and resilience testing for applications built on language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
FAILED, INTERRUPTED, CLOSED_PIPE = 70, 130, 141
"""Exit codes beside verdicts and errors of input: an error of our own, an interrupt, and an output that nobody reads."""
MOST_PROBLEMS = 30
BACKEND = "Use the backends of a brownout serve at this address; BROWNOUT_TOKEN holds its token."
CONFIRM = "Confirm that load may go to this host, which is not this machine and which app.url names."


class Things(StrEnum):
    """What can be listed."""

    FAULTS = "faults"
    INCIDENTS = "incidents"
    CHECKS = "checks"
    SUITES = "suites"
    EXPERIMENTS = "experiments"
    DIALECTS = "dialects"
    REPORTS = "reports"
    APPS = "apps"


def _version(wanted: bool) -> None:
    if wanted:
        from brownout import __version__

        print(f"brownout {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Chaos and resilience testing for applications built on language models."""


@app.command()
def run(
    experiments: Annotated[list[str] | None, typer.Argument(help="Experiment files or names.")] = None,
    suite: Annotated[str | None, typer.Option(help="A suite instead of experiments [default: launch].")] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--app", help="A brownout.yaml, or demo:hardened, demo:naive [default: ./brownout.yaml or the demo]."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Repeats arrivals, prompts, answers and faults.")] = 1,
    out: Annotated[Path | None, typer.Option(help="The run folder [default: brownout-runs/TIME].")] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option("--max-minutes", min=0.1, help="Leave out experiments that do not fit; the report lists them."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run and what it could prove.")] = False,
    backend: Annotated[str | None, typer.Option("--backend", help=BACKEND)] = None,
    confirm_host: Annotated[list[str] | None, typer.Option("--confirm-host", help=CONFIRM)] = None,
    strict: Annotated[bool, typer.Option("--strict", help="GO WITH CONDITIONS exits with 1.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the verdict only.")] = False,
) -> None:
    """Rehearse a launch: run experiments against an app, and say whether it is ready."""
    from brownout.harness.cli.console import Console
    from brownout.harness.config.apps import target as find
    from brownout.harness.config.catalogue import check_waivers, select, unasked
    from brownout.harness.engine import Engine
    from brownout.harness.events import RunFinished
    from brownout.harness.hosts import check_confirmed
    from brownout.harness.planning import fit, plan
    from brownout.harness.report import reports
    from brownout.harness.stage import elsewhere

    found = find(target)
    check_confirmed(found.config.app.url, confirm_host or ())
    there = elsewhere(found.config, backend)
    chosen = select(experiments or [], suite, found.config.launch, found.config.backends, found.config.least)
    check_waivers(found.config.waivers, chosen, found.root)
    if found.note:
        Terminal(stderr=True).print(f"[yellow]note:[/] {found.note}")
    kept, dropped = fit(plan(chosen, found.config.launch, found.config.least), max_minutes or float("inf"))
    if dry_run:
        from brownout.harness.cli.planned import show

        show(Terminal(), kept, dropped)
        raise typer.Exit(0)
    if not kept:
        raise ConfigError(
            f"no experiment fits into {max_minutes:g} minutes: the shortest takes {min(p.seconds for p in dropped) / 60:.1f}"
        )
    left_out = (
        *(f"{p.experiment.title}: it did not fit into --max-minutes {max_minutes:g}" for p in dropped),
        *unasked(chosen, found.config.launch),
    )
    folder = out or Path("brownout-runs") / datetime.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]
    _make_folder(folder)
    formats = [report for _, report in reports]
    code = FAILED
    experiments_kept = tuple(p.experiment for p in kept)
    engine = Engine(
        found.given,
        found.config,
        found.root,
        experiments_kept,
        seed,
        folder.resolve(),
        strict,
        left_out=left_out,
        elsewhere=there,
    )
    with Console(quiet=quiet, reports=[r.filename for r in formats]) as console:
        for event in engine.run():
            if isinstance(event, RunFinished):
                for report in formats:
                    (folder / report.filename).write_text(report.render(event.result), encoding="utf-8")
                code = event.result.verdict.exit_code
            console.handle(event)
    raise typer.Exit(code)


@app.command()
def serve(
    plan: Annotated[
        Path | None, typer.Option(help="A fault plan (*.plan.yaml); without one the backend is healthy.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--app", help="Serve the backends of this brownout.yaml [default: one of --dialect].")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The first port; 0 takes any free ones.")] = 8099,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    dialect: Annotated[str, typer.Option(help="Which provider's wire format to speak.")] = "openai",
    seed: Annotated[int, typer.Option(min=0, help="Repeats answers and faults.")] = 1,
    journal: Annotated[Path | None, typer.Option(help="Append a record of each call to this file.")] = None,
) -> None:
    """Serve simulated backends by hand, or for a run elsewhere, until interrupted."""
    from brownout.harness.cli.serving import Serving
    from brownout.harness.cli.serving import serve as serve_backends

    raise typer.Exit(serve_backends(Serving(plan, port, host, dialect, seed, journal, target)))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A run folder, or a result.json.")],
    format: Annotated[str, typer.Option(help="html, md, junit or json.")] = "md",
    out: Annotated[Path | None, typer.Option(help="A file to write [default: standard output].")] = None,
) -> None:
    """Render the result of a run again."""
    from brownout.harness.report import reports
    from brownout.harness.verdict.result import from_json

    chosen = reports.get(format)
    path = folder / "result.json" if os.path.isdir(folder) else folder
    if not os.path.isfile(path):
        raise ConfigError(f"there is no result in {folder}: a run that was interrupted has none")
    try:
        result = from_json(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as e:
        raise ConfigError(f"{path}: {e}") from None
    text = chosen.render(result)
    if out:
        try:
            out.write_text(text, encoding="utf-8")
        except (OSError, ValueError) as e:
            raise ConfigError(f"--out {out} cannot be written: {_why(e)}") from None
    else:
        sys.stdout.write(text)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    url: Annotated[
        str | None, typer.Option("--url", help="Where the app runs now: its OpenAPI document tells how it is asked.")
    ] = None,
) -> None:
    """Write a commented brownout.yaml and a first experiment for a project."""
    from brownout.harness.cli.init import init as write_files

    raise typer.Exit(write_files(folder, url))


@app.command()
def doctor(
    target: Annotated[
        str | None, typer.Option("--app", help="A brownout.yaml, or demo:hardened, demo:naive [default: as for run].")
    ] = None,
    backend: Annotated[str | None, typer.Option("--backend", help=BACKEND)] = None,
    confirm_host: Annotated[list[str] | None, typer.Option("--confirm-host", help=CONFIRM)] = None,
) -> None:
    """Check that an app can be tested: one request through everything, and what to change where it fails."""
    from brownout.harness.cli.examining import doctor as examine_app

    raise typer.Exit(examine_app(target, backend, confirm_host or []))


@app.command("list")
def list_things(what: Annotated[Things, typer.Argument(help="What to list.")]) -> None:
    """List what can be named in files and on the command line."""
    from brownout.harness.cli.listing import table

    Terminal().print(table(what.value))


@app.command()
def schema(file: Annotated[Files, typer.Argument(help="Which sort of file; app is brownout.yaml.")]) -> None:
    """Print the JSON Schema of a file, by which editors complete and check it."""
    from brownout.harness.cli.schema import text

    sys.stdout.write(text(file))


def main() -> NoReturn:
    """The entry point: errors of the tool become one clear message and their exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that an output cannot show must not end anything.
            stream.reconfigure(errors="backslashreplace")
    errors = Terminal(stderr=True, soft_wrap=True, highlight=False)
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except ConfigError as e:
        for problem in e.problems[:MOST_PROBLEMS]:
            errors.print(f"[red]error:[/] {escape(str(problem))}")
        if len(e.problems) > MOST_PROBLEMS:
            errors.print(f"and {len(e.problems) - MOST_PROBLEMS:,} more")
        raise SystemExit(e.exit_code) from None
    except SetupError as e:
        errors.print(f"[red]error:[/] {escape(str(e))}")
        if e.output:
            errors.print(f"[dim]last output:[/]\n{escape(e.output)}")
        raise SystemExit(e.exit_code) from None
    except BrownoutError as e:
        errors.print(f"[red]error:[/] {escape(str(e))}")
        raise SystemExit(e.exit_code) from None
    except (KeyboardInterrupt, typer.Abort):
        errors.print("interrupted")
        raise SystemExit(INTERRUPTED) from None
    except (BrokenPipeError, SystemExit) as e:
        # Rich and Click end the process with 1, which is the exit code of NO-GO, when nobody reads their output.
        if isinstance(e, SystemExit) and e.code != 1:
            raise
        _close_output()
        raise SystemExit(CLOSED_PIPE) from None
    except Exception as e:  # noqa: BLE001 - Python would exit with 1, which is the exit code of NO-GO
        _usage(e)
        if os.environ.get("BROWNOUT_TRACEBACK") == "1":
            traceback.print_exc()
        said = " ".join(str(e).split())[:300]
        errors.print(f"[red]brownout failed:[/] {escape(f'{type(e).__name__}: {said}')}")
        errors.print(
            "This is a defect of brownout, not of the app: please report it (BROWNOUT_TRACEBACK=1 shows where)."
        )
        raise SystemExit(FAILED) from None
    if code == INTERRUPTED:
        errors.print("interrupted")
    raise SystemExit(code or 0)


def _make_folder(folder: Path) -> None:
    """Make the folder of a run. Raises ConfigError when nothing can be written there, or something has been."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used = any(folder.iterdir())
    except (OSError, ValueError) as e:
        raise ConfigError(f"the run folder {folder} cannot be made: {_why(e)}") from None
    if used:
        raise ConfigError(f"the run folder {folder} is not empty: a journal is never overwritten")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"nothing can be written into the run folder {folder}")


def _why(error: Exception) -> str:
    if isinstance(error, FileExistsError):
        return "it is a file"
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _close_output() -> None:
    """Let what is still buffered for the closed output go nowhere: Python would try to write it as it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)


def _usage(error: Exception) -> None:
    """Exit with 2 when the command line itself was wrong."""
    show = getattr(error, "show", None)
    if callable(show) and hasattr(error, "exit_code"):
        show()
        raise SystemExit(error.exit_code) from None


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
