"""The verbs of this project: `nox -l` lists them, and words after `--` are passed on to the tool.

They run in the environment that nox is installed in, as TensorFlow is too large to install for each of them.
"""

import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "generated", "tests"]


def python(session: nox.Session, *words: str) -> None:
    session.run(sys.executable, *words, *session.posargs, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the quick tests."""
    python(session, "-m", "pytest")


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests."""
    python(session, "-m", "pytest", "-m", "slow")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format; `nox -s lint -- --fix` mends what it can."""
    fix = "--fix" in session.posargs
    session.run(sys.executable, "-m", "ruff", "check", *session.posargs, ".", external=True)
    session.run(sys.executable, "-m", "ruff", "format", *([] if fix else ["--check"]), ".", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package."""
    python(session, "-m", "mypy")


@nox.session
def generated(session: nox.Session) -> None:
    """Compare generated files with what they are made from; `-- --update-golden` rewrites them."""
    python(session, "-m", "pytest", "-n", "0", "-q", "-m", "generated and not tensorflow and not slow")


@nox.session
def docs(session: nox.Session) -> None:
    """Check the docs and build their site into `site`; `-- --update-golden` rewrites tables and outputs first."""
    python(session, "-m", "pytest", "-m", "not slow", "tests/docs")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    session.run(*build, external=True, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def pictures(session: nox.Session) -> None:
    """Draw the pictures of the docs again."""
    for path in sorted(Path("docs").glob("make_*.py")):
        session.run(sys.executable, str(path), external=True)


@nox.session
def package(session: nox.Session) -> None:
    """Build the sdist and the wheel into `dist`, and check them."""
    session.run(sys.executable, "-m", "build", external=True)
    session.run(sys.executable, "-m", "twine", "check", "--strict", *map(str, Path("dist").glob("*")), external=True)


@nox.session
def ci(session: nox.Session) -> None:
    """Run all checks and all tests here; `.ci/run` runs them in a new environment."""
    for name in ("lint", "types", "generated", "tests", "slow"):
        session.notify(name, posargs=[])
