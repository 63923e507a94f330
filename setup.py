"""Packaging of posescope; everything static stands in pyproject.toml."""

from pathlib import Path

from setuptools import setup

REQUIREMENTS = Path(__file__).parent / 'requirements'


def requirements(name: str) -> list[str]:
    """Read the requirement lines of ``requirements/<name>.txt``, included files resolved."""
    lines: list[str] = []
    for line in (REQUIREMENTS / f'{name}.txt').read_text().splitlines():
        line = line.strip()
        if line.startswith('-r '):
            lines += requirements(Path(line.removeprefix('-r ')).stem)
        elif line and not line.startswith('#'):
            lines.append(line)
    return lines


# mmpose and its siblings are left out on purpose: requirements/openmmlab.txt says why.
setup(
    install_requires=requirements('runtime'),
    extras_require={name: requirements(name) for name in ('render', 'peers', 'ray', 'tests', 'lint')},
)
