"""The one exception that people see: what is wrong, what is allowed, what to do."""

import errno


class UserError(ValueError):
    """Bad input. Its text is one plain line; the CLI prints it and exits with 2, a page shows it in a box."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class NonFiniteLoss(UserError):
    """Training met a loss that is NaN or infinite; the weights are still those of before that batch."""


class OutOfMemory(UserError):
    """The device's memory did not suffice for a batch."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NoRoom(UserError):
    """A disk is full, or a limit on files is reached."""


class Busy(UserError):
    """Another program holds the database; what was to be written is not."""


def known(kind: str, name: str, allowed: list[str]) -> str:
    """Return `name` if it is allowed; else raise `UserError` that lists what is, the nearest spelling first."""
    import difflib

    if name in allowed:
        return name
    close = difflib.get_close_matches(name, allowed, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise UserError(f"Unknown {kind} {name[:80]!r}.{hint} Allowed: {', '.join(allowed)}.")
