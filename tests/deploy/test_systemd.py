"""systemd finds nothing wrong with the unit, and little that could be closed further."""

import pathlib
import shutil
import subprocess
import tempfile

from files import DEPLOY, Case
from fleet import BINARY

PROGRAM = "/usr/local/bin/fleetwire"
# systemd's points for what a service could do, of 100: below 20 is "OK", the best that a server on the network can be.
EXPOSURE_MAX = 14


class Unit(Case):
    def setUp(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="fleetwire-deploy-"))
        self.addCleanup(shutil.rmtree, directory)
        text = (DEPLOY / "systemd/fleetwire.service").read_text()
        self.assertIn(f"ExecStart={PROGRAM} serve\n", text)
        self.unit = directory / "fleetwire.service"
        # The program has to be there.
        self.unit.write_text(text.replace(f"ExecStart={PROGRAM} ", f"ExecStart={BINARY} "))

    def test_it_is_right(self):
        # A directive that it does not know is only a warning.
        output = self.succeeds(self.program("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", self.unit)
        self.assertEqual(output, "")

    def test_it_is_hardened(self):
        self.succeeds(
            self.program("systemd-analyze"), "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}",
            self.unit)

    def test_stopping_and_reloading_are_by_the_signals_that_the_server_knows(self):
        lines = self.unit.read_text().splitlines()
        self.assertIn("KillSignal=SIGTERM", lines)
        self.assertIn("ExecReload=/bin/kill -HUP $MAINPID", lines)
        self.assertEqual(subprocess.run([BINARY, "--version"], check=False, capture_output=True).returncode, 0)
