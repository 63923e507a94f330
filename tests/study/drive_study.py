"""tools/study.py with fake programs, as a process of its own."""

import sys

import tools.study
from posescope.study import Commands
from tests.study.small_study import COMMANDS

if __name__ == '__main__':
    Commands.of_tools = lambda folder: COMMANDS  # type: ignore[method-assign,assignment]
    sys.exit(tools.study.main(sys.argv[1:]))
