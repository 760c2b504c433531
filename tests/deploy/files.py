"""The files of `deploy`, what they name, and programs that check them."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
# Some are the system administrator's, and not on everybody's path.
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/bin"])
RUN_SECS_MAX = 300


def texts():
    """Each file below `deploy`, by its path there, and what stands beside it at the root for its sake."""
    files = {str(path.relative_to(DEPLOY)): path.read_text() for path in sorted(DEPLOY.rglob("*")) if path.is_file()}
    return {**files, ".dockerignore": (ROOT / ".dockerignore").read_text()}


def settings():
    """The product's settings with their defaults, as `.env.example` has them."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line[1:].split("=", 1) for line in lines if re.match(r"#[A-Z_]+=", line))


def found(program):
    return shutil.which(program, path=PATH)


def run(*command, cwd=None, env=None):
    """(whether it succeeded, all that it wrote)"""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=RUN_SECS_MAX, check=False)
    return done.returncode == 0, done.stdout


class Case(unittest.TestCase):
    def program(self, name):
        """Where it is. The tests are not complete without it."""
        path = found(name)
        self.assertIsNotNone(path, f"{name} is not installed")
        return path

    def succeeds(self, *command, **options):
        succeeded, output = run(*command, **options)
        self.assertTrue(succeeded, f"{' '.join(map(str, command))}\n{output}")
        return output
