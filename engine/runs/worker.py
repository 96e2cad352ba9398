"""The process of one run: `python -m engine.runs.worker RUN`."""

import logging
import sys
import traceback

from engine.errors import UserError
from engine.process import give_way, quick_imports
from engine.runs.queue import glance


def main() -> int:
    """Entry point; returns the exit code."""
    give_way()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    try:
        with quick_imports():
            from engine.runs.execution import execute
        execute(sys.argv[1])
    except UserError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        glance()
    return 0


if __name__ == "__main__":
    sys.exit(main())
