"""What `deploy/Dockerfile` says, carried out as far as that goes without an engine: what it copies is there and is all
that the binary was made of, and in a root that has what its last stage has the server starts, is healthy and stops."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema.validators import validator_for
import yaml

from files import DEPLOY, ROOT, Case, run
from fleet import BINARY

SECRET = "a secret that only this scenario knows, and long enough"
START_SECS_MAX = 60
STOP_SECS_MAX = 10
USER = 65532
STATE = "/var/lib/fleetwire"
PASSWD = f"""root:x:0:0:root:/root:/sbin/nologin
nonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin
"""


class Dockerfile:
    """Its stages, each a list of (instruction, arguments)."""

    def __init__(self):
        text = re.sub(r"\\\n(\s*#.*\n)*", " ", (DEPLOY / "Dockerfile").read_text())
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        self.stages, self.before = [], []
        for line in lines:
            word, rest = line.split(None, 1)
            if word == "FROM":
                self.stages.append([])
            (self.stages[-1] if self.stages else self.before).append((word, rest.strip()))

    def all(self, stage, word):
        return [rest for instruction, rest in self.stages[stage] if instruction == word]

    def only(self, stage, word):
        rest, = self.all(stage, word)
        return rest

    def copied(self, stage):
        """What is copied from the context: (sources, target)."""
        for rest in self.all(stage, "COPY"):
            if "--from" not in rest:
                *sources, target = rest.split()
                yield sources, target

    def health_check(self):
        """The command, in the form without a shell."""
        return json.loads(self.only(-1, "HEALTHCHECK").split("CMD", 1)[1])

    def environment(self):
        return dict(pair.split("=", 1) for pair in self.only(-1, "ENV").split())


def let_in():
    """The names at the root that .dockerignore lets in; the first line keeps all out."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*", lines
    return [line.removeprefix("!") for line in lines[1:]]


def libraries(program):
    _, text = run("ldd", program)
    return re.findall(r"(/\S+) \(0x", text)


class Image(Case):
    def setUp(self):
        self.file = Dockerfile()

    def test_each_source_is_there_and_let_in(self):
        sources = [source for given, _ in self.file.copied(0) for source in given]
        for source in sources:
            self.assertTrue((ROOT / source).exists(), source)
        self.assertEqual(sorted(sources), sorted(let_in()))

    def test_all_that_the_binary_is_made_of_is_copied(self):
        """As cargo has written it down beside the binary."""
        made_of = pathlib.Path(f"{BINARY}.d")
        if not made_of.exists():
            self.skipTest(f"{made_of} is not there: the binary was built elsewhere")
        files = made_of.read_text().split(": ", 1)[1].replace("\\ ", "\0").split()
        ours = [pathlib.Path(file.replace("\0", " ")).relative_to(ROOT) for file in files
                if pathlib.Path(file).is_relative_to(ROOT)]
        self.assertGreater(len(ours), 100)
        # What cargo makes while it builds lies below its own directory.
        missing = [str(file) for file in ours if file.parts[0] not in {*let_in(), "target"}]
        self.assertEqual(missing, [])

    def test_cargo_finds_every_target_in_the_context(self):
        with tempfile.TemporaryDirectory(prefix="fleetwire-context-") as directory:
            for sources, _ in self.file.copied(0):
                for source in sources:
                    copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                    copy(ROOT / source, pathlib.Path(directory) / source)
            self.succeeds(self.program("cargo"), "metadata", "--no-deps", "--offline", "--format-version=1", cwd=directory)

    def test_the_compiler_is_new_enough(self):
        version = re.search(r'rust-version = "(.+)"', (ROOT / "Cargo.toml").read_text())[1]
        self.assertIn(("ARG", f"RUST_VERSION={version}"), self.file.before)

    def test_what_the_last_stage_takes_from_the_first_is_made_there(self):
        made = " ".join(self.file.all(0, "RUN")).split()
        for rest in self.file.all(-1, "COPY"):
            if "--from=build" in rest:
                self.assertIn(rest.split()[-2], made)

    def test_the_state_is_the_users(self):
        state, = [rest for rest in self.file.all(-1, "COPY") if rest.endswith(f" {STATE}")]
        self.assertIn(f"--chown={self.file.only(-1, 'USER')} ", state)
        for word in ("WORKDIR", "VOLUME"):
            self.assertEqual(self.file.only(-1, word), STATE)

    def test_features_are_of_the_product(self):
        features, = [rest.removeprefix("FEATURES=") for rest in self.file.all(0, "ARG") if rest.startswith("FEATURES=")]
        self.assertIn(f"\n{features} = [", (ROOT / "Cargo.toml").read_text())

    def test_it_does_not_run_as_root(self):
        self.assertEqual(self.file.only(-1, "USER"), f"{USER}:{USER}")

    def test_it_listens_where_it_is_asked(self):
        _, port = self.file.environment()["BIND"].split(":")
        self.assertEqual(self.file.only(-1, "EXPOSE"), port)
        self.assertEqual(self.file.health_check()[-1], f"http://127.0.0.1:{port}/readyz")
        compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["fleetwire"]
        self.assertTrue(compose["environment"]["BIND"].endswith(f":{port}"))
        self.assertEqual([published.rsplit(":", 1)[1] for published in compose["ports"]], [port])


class Compose(Case):
    def setUp(self):
        self.compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())

    def test_it_is_of_the_specifications_schema(self):
        schema = get_builtin_schema("vendor.compose-spec")
        errors = validator_for(schema)(schema).iter_errors(self.compose)
        self.assertEqual([error.message for error in errors], [])

    def test_what_it_builds_from_is_there(self):
        build = self.compose["services"]["fleetwire"]["build"]
        context = DEPLOY / build["context"]
        self.assertEqual(context.resolve(), ROOT)
        self.assertTrue((context / build["dockerfile"]).exists())

    def test_names_belong_together(self):
        for kind in ("networks", "volumes"):
            used = [name.split(":")[0] for service in self.compose["services"].values() for name in service.get(kind, [])]
            self.assertEqual(set(used), set(self.compose[kind]), kind)
        self.assertEqual(
            self.compose["services"]["fleetwire"]["depends_on"], {"postgres": {"condition": "service_healthy"}})
        self.assertIn("healthcheck", self.compose["services"]["postgres"])

    def test_the_gateway_is_the_proxy_that_is_trusted(self):
        front, = self.compose["networks"]["front"]["ipam"]["config"]
        trusted = self.compose["services"]["fleetwire"]["environment"]["TRUSTED_PROXIES"]
        self.assertEqual(trusted, front["gateway"])


@unittest.skipIf(os.geteuid() != 0, "only root may change its root directory")
class LastStage(Case):
    """The last stage's root: the binary, the libraries that it asks for, certificates, busybox and the state's
    directory, each in the place that the file names, and as the user that it names."""

    def setUp(self):
        self.file = Dockerfile()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="fleetwire-root-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.root.chmod(0o755)
        busybox = self.program("busybox")
        for rest in self.file.all(-1, "COPY"):
            *_, source, target = rest.split()
            theirs = {"/bin/busybox": busybox, "/out/fleetwire": BINARY}.get(source)
            if theirs is not None:
                self.put(theirs, target)
                for library in libraries(theirs):
                    self.put(library, library)
        # What the image that it stands on has besides.
        self.put("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt")
        (self.root / "etc/passwd").write_text(PASSWD)
        # Each engine brings the devices. A file that all may write does for what is thrown away.
        null = self.root / "dev/null"
        null.parent.mkdir()
        null.touch()
        null.chmod(0o666)
        state = self.root / STATE[1:]
        state.mkdir(parents=True, mode=0o700)
        os.chown(state, USER, USER)
        self.process = None
        self.said = None

    def put(self, source, target):
        place = self.root / target[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)

    def inside(self, command, environment=()):
        """In this root, as the image's user, with no capability left."""
        directory = self.file.only(-1, "WORKDIR")
        user = self.file.only(-1, "USER")
        chroot = [self.program("chroot"), f"--userspec={user}", "--groups=", self.root, *command]
        return [str(part) for part in (
            self.program("setpriv"), "--no-new-privs", "--bounding-set=-all,+sys_chroot,+setuid,+setgid",
            "env", "-i", f"PWD={directory}", *environment, *chroot)]

    def start(self, **settings):
        environment = {**self.file.environment(), "JWT_SECRET": SECRET, "BIND": "127.0.0.1:0", **settings}
        command = [*json.loads(self.file.only(-1, "ENTRYPOINT")), *json.loads(self.file.only(-1, "CMD"))]
        self.log = open(self.root / "log", "w+")
        self.addCleanup(self.log.close)
        self.process = subprocess.Popen(
            self.inside(command, [f"{name}={value}" for name, value in environment.items()]),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        self.addCleanup(self.end)
        deadline = time.monotonic() + START_SECS_MAX
        while (listening := re.search(r"listening on (http://\S+)\n", self.text())) is None:
            self.assertIsNone(self.process.poll(), self.text())
            self.assertLess(time.monotonic(), deadline, self.text())
            time.sleep(0.05)
        return listening[1]

    def text(self):
        return (self.root / "log").read_text()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def is_healthy(self, url):
        *command, asked = self.file.health_check()
        self.assertTrue(asked.endswith("/readyz"))
        succeeded, self.said = run(*self.inside([*command, f"{url}/readyz"]))
        return succeeded

    def test_it_starts_is_healthy_and_stops(self):
        # Its own addresses are not among these names.
        url = self.start(ALLOWED_HOSTS="fleet.example.com")
        self.assertTrue(self.is_healthy(url), f"{self.said}\n{self.text()}")
        database = self.root / STATE[1:] / "fleetwire.db"
        self.assertEqual(database.stat().st_uid, USER)
        begun = time.monotonic()
        self.process.terminate()
        self.assertEqual(self.process.wait(STOP_SECS_MAX), 0, self.text())
        self.assertLess(time.monotonic() - begun, STOP_SECS_MAX)
        self.assertFalse(self.is_healthy(url))

    def test_it_writes_nowhere_else(self):
        self.start()
        written = [path for path in self.root.rglob("*")
                   if path.is_file() and path.stat().st_uid == USER and not path.is_relative_to(self.root / STATE[1:])]
        self.assertEqual(written, [])

    def test_a_server_that_does_not_work_is_not_healthy(self):
        url = self.start()
        self.assertTrue(self.is_healthy(url), self.said)
        database = self.root / STATE[1:] / "fleetwire.db"
        # What /readyz calls lost: 503, and the end within seconds.
        database.rename(database.with_name("elsewhere.db"))
        deadline = time.monotonic() + STOP_SECS_MAX
        while self.is_healthy(url):
            self.assertLess(time.monotonic(), deadline, self.text())


if __name__ == "__main__":
    unittest.main()
