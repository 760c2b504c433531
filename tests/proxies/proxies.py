"""Real proxies in front of a server, each with the project's own example of its settings, on ports of the system's
choosing. Each is one process that is stopped by its own id, and goes with the test whatever ends that."""

import asyncio
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
START_SECS_MAX = 20
POLL_SECS = 0.02
PR_SET_PDEATHSIG = 1


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_the_test():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def example(file, exchanged):
    """An example of `deploy`, with texts that must be in it exchanged for the test's own."""
    text = (DEPLOY / file).read_text()
    for theirs, ours in exchanged.items():
        assert theirs in text, f"{file} has no {theirs!r}"
        text = text.replace(theirs, ours)
    return text


class Proxy:
    """One proxy process in a directory of its own."""

    PROGRAM = None
    # A program of the system's administrator, which is not on everybody's path.
    PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])

    @classmethod
    def found(cls):
        return shutil.which(cls.PROGRAM, path=cls.PATH)

    def __init__(self, upstream):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"fleetwire-{self.PROGRAM}-"))
        self.address = f"127.0.0.1:{free_port()}"
        self.upstream = upstream
        self.process = None

    def command(self):
        """Writes the settings and returns what to run."""
        raise NotImplementedError

    def log(self):
        """What it wrote down of requests and troubles."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.directory.glob("*.log")))

    async def start(self):
        command = [self.found(), *self.command()]
        home = {"PATH": self.PATH, "HOME": str(self.directory)}
        with open(self.directory / "output.log", "w") as output:
            self.process = subprocess.Popen(
                command, cwd=self.directory, env=home, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=die_with_the_test)
        async with asyncio.timeout(START_SECS_MAX):
            while not await self.is_up():
                assert self.process.poll() is None, f"{self.PROGRAM} did not start:\n{self.log()}"
                await asyncio.sleep(POLL_SECS)

    async def is_up(self):
        """Whether it reaches the server."""
        host, port = self.address.split(":")
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return False
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {self.address}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read(16)
        writer.close()
        return answer.startswith(b"HTTP/1.1 200")

    def close(self, failed):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if failed:
            print(f"evidence in {self.directory}")
        else:
            shutil.rmtree(self.directory)


class Nginx(Proxy):
    PROGRAM = "nginx"

    # One process, which is easier to stop than a family.
    MAIN = """
        daemon off;
        master_process off;
        pid {directory}/pid;
        error_log {directory}/error.log;
        events {{ worker_connections 4096; }}
        http {{
            client_body_temp_path {directory}/body;
            proxy_temp_path {directory}/proxy;
            fastcgi_temp_path {directory}/fastcgi;
            uwsgi_temp_path {directory}/uwsgi;
            scgi_temp_path {directory}/scgi;
            include {directory}/fleetwire.conf;
        }}
    """

    def command(self):
        site = example("nginx.conf", {
            "listen 80;": f"listen {self.address};",
            "server 127.0.0.1:8000;": f"server {self.upstream};",
            "/var/log/nginx/fleetwire.log": f"{self.directory}/access.log",
        })
        (self.directory / "fleetwire.conf").write_text(site)
        (self.directory / "nginx.conf").write_text(self.MAIN.format(directory=self.directory))
        return ["-p", str(self.directory), "-e", f"{self.directory}/error.log", "-c", f"{self.directory}/nginx.conf"]


class Haproxy(Proxy):
    PROGRAM = "haproxy"

    def command(self):
        settings = example("haproxy.cfg", {
            "bind :80": f"bind {self.address}",
            "server fleetwire 127.0.0.1:8000": f"server fleetwire {self.upstream}",
            "maxconn 50000": "maxconn 2000",
        })
        (self.directory / "haproxy.cfg").write_text(settings)
        return ["-db", "-f", f"{self.directory}/haproxy.cfg"]


class Caddy(Proxy):
    PROGRAM = "caddy"

    def command(self):
        # Its administration listens on a fixed port unless told otherwise.
        options = "{\n\tadmin off\n\tauto_https off\n}\n"
        site = example("Caddyfile", {
            "fleet.example.com {": f"http://{self.address} {{",
            "reverse_proxy 127.0.0.1:8000": f"reverse_proxy {self.upstream}",
        })
        (self.directory / "Caddyfile").write_text(options + site)
        return ["run", "--adapter", "caddyfile", "--config", f"{self.directory}/Caddyfile"]
