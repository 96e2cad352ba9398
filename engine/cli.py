"""The command line, `python -m engine …`: exit 0 on success; on bad input one line on stderr and exit 2."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from engine.commands import lists, looking, robust, studies, training, words
from engine.errors import UserError
from engine.process import wait_politely


class _Parser(argparse.ArgumentParser):
    """argparse with one line for an error instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m engine", description="Adversarial training of text encoders, and what it does.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)

    def verb(
        name: str, action: Callable[[argparse.Namespace], None], help_: str, json_: bool = True
    ) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=help_, description=help_)
        made.set_defaults(action=action)
        if json_:
            made.add_argument("--json", action="store_true", help="one JSON document on stdout, nothing else there")
        return made

    for module in (lists, training, studies, looking, robust, words):
        module.add(verb)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    wait_politely()
    try:
        options = _parser().parse_args(arguments)
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
    return 0
