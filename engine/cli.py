"""The command line, `python -m engine …`: exit 0 on success; on bad input one line on stderr and exit 2."""

import argparse
import os
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from engine.commands import analyses, lists, studies, training
from engine.commands.common import Verb
from engine.errors import UserError
from engine.process import wait_politely


class _Parser(argparse.ArgumentParser):
    """argparse with one line for an error instead of the whole usage."""

    fill: Callable[[argparse.ArgumentParser], None] | None = None  # Adds flags, once they are needed.

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help.")

    def parse_known_args(self, *arguments: Any, **keywords: Any) -> Any:
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)
        found, unknown = super().parse_known_args(*arguments, **keywords)
        if unknown:  # Said by the verb that was given them, whose help is the one to see.
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown


PROGRAM = "python -m engine"


def _parser(program: str, more: Sequence[Callable[[Verb], None]]) -> argparse.ArgumentParser:
    parser = _Parser(prog=program, description="Adversarial training of text encoders, and what it does.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)

    def verb(
        name: str,
        action: Callable[[argparse.Namespace], None],
        help_: str,
        json_: bool = True,
        fill: Callable[[argparse.ArgumentParser], None] | None = None,
    ) -> argparse.ArgumentParser:
        made: _Parser = verbs.add_parser(name, help=help_, description=help_)
        made.set_defaults(action=action)
        made.fill = fill
        if json_:
            made.add_argument("--json", action="store_true", help="one JSON document on stdout, nothing else there")
        return made

    for add in (*more, *(module.add for module in (lists, training, studies, analyses))):
        add(verb)
    return parser


def main(
    arguments: Sequence[str] | None = None, *, program: str = PROGRAM, more: Sequence[Callable[[Verb], None]] = ()
) -> int:
    """Run one command; returns its exit code.

    Args:
        arguments: without the program's name; None: those of this process.
        program: what it is called by.
        more: add further verbs.
    """
    wait_politely()
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        for place, word in enumerate(given, 1):
            if not word.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in word):
                raise UserError(f"Argument {place} is not text in UTF-8: {word[:60]!a}.")
        options = _parser(program, more).parse_args(given)
        options.action(options)
    except UserError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as problem:
        print(unexpected(problem, given, program), file=sys.stderr)
        return 2
    return 0


def unexpected(problem: Exception, given: Sequence[str], program: str = PROGRAM) -> UserError:
    """What is said of an error that nobody thought of: one line, with where all of it can be read for a report."""
    kind = type(problem).__name__
    reason = " ".join(str(problem).split())[:200]
    whole = f"{program} {shlex.join(given)}\n\n{''.join(traceback.format_exception(problem))}"
    try:
        from engine.home import home

        log = home() / "errors" / f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-{os.getpid()}.txt"
        log.parent.mkdir(exist_ok=True)
        log.write_text(whole, encoding="utf-8", errors="backslashreplace")
        where = f"The whole error is in {log}"
    except (OSError, UserError):
        where = "The whole error could not be kept"
    return UserError(
        f"This did not work, and Deltabook cannot say why in better words: {kind}{': ' * bool(reason)}{reason}. {where}:"
        " please report it with what you called."
    )
