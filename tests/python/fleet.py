"""A server of its own for each scenario, REST, and the driver's app on top of an independent WebSocket library.

The library is the point: it knows nothing of this server, and offers what browsers and phones offer.
"""

import asyncio
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

from websockets.asyncio.client import connect

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FLEETWIRE_BINARY", str(ROOT / "target/debug/fleetwire"))
LISTENING = "Fleetwire is listening on http://"
DEADLINE_SECS = 20
START_SECS_MAX = 60
POLL_SECS = 0.02


async def until(what, condition):
    """Asks again and again until the condition holds, and fails with `what` after the deadline."""
    try:
        async with asyncio.timeout(DEADLINE_SECS):
            while not await condition():
                await asyncio.sleep(POLL_SECS)
    except TimeoutError:
        raise AssertionError(f"waited {DEADLINE_SECS} s in vain: {what}") from None


class Server:
    """One server process with its own directory and database; stopped by its own process id."""

    def __init__(self, **settings):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fleetwire-python-"))
        self.settings = {
            "PATH": os.environ["PATH"],
            "BIND": "127.0.0.1:0",
            "DATABASE_URL": f"sqlite://{self.directory}/fleetwire.db",
            "JWT_SECRET": "a secret that only the scenarios know, and long enough",
            "DRAIN_SECS": "1",
            "HANDSHAKES_PER_MINUTE_PER_ADDRESS": "1000000",
            "HANDSHAKES_PER_MINUTE_PER_ACCOUNT": "1000000",
            "REQUESTS_PER_MINUTE_PER_ACCOUNT": "1000000",
            "MAX_OPEN_RIDES_PER_CUSTOMER": "1000000",
            "JOBS_PER_MINUTE_PER_CUSTOMER": "1000000",
            "MAX_SOCKETS_PER_ADDRESS": "1000000",
            "MAX_OPEN_RIDES_PER_ADDRESS": "1000000",
            "MAX_DELIVERIES_PER_DRIVER": "1000",
            **settings,
        }
        self.process = None
        self.address = None

    async def start(self):
        with open(self.directory / "stdout", "w") as stdout, open(self.directory / "log", "a") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve"], cwd=self.directory, env=self.settings, stdin=subprocess.DEVNULL,
                stdout=stdout, stderr=log)
        async with asyncio.timeout(START_SECS_MAX):
            while (address := self._announced()) is None:
                if self.process.poll() is not None:
                    raise AssertionError(f"the server did not start:\n{self.log()}")
                await asyncio.sleep(POLL_SECS)
        self.address = address
        # The next start is on the same port.
        self.settings["BIND"] = address

    def _announced(self):
        for line in (self.directory / "stdout").read_text().splitlines(keepends=True):
            if line.startswith(LISTENING) and line.endswith("\n"):
                return line[len(LISTENING):].strip()
        return None

    def log(self):
        log = self.directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DEADLINE_SECS)

    def close(self, failed):
        """Ends the process, checks the log, and keeps the directory only where it explains something."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        bad = [line for line in self.log().splitlines() if "ERROR" in line or "panicked at" in line]
        if failed or bad:
            print(f"evidence in {self.directory}")
        else:
            shutil.rmtree(self.directory)
        assert failed or not bad, "\n".join(bad)

    async def command(self, *arguments):
        run = await asyncio.create_subprocess_exec(
            BINARY, *arguments, cwd=self.directory, env=self.settings, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await asyncio.wait_for(run.communicate(), START_SECS_MAX)
        assert run.returncode == 0, err.decode()
        return out.decode()

    async def driver_token(self, driver_id):
        return (await self.command("token", "--driver", str(driver_id))).strip()

    async def driver_tokens(self, first, last):
        return (await self.command("token", "--driver", f"{first}-{last}")).split()

    async def operator(self):
        token = (await self.command("token", "--admin")).strip()
        return Operator(self, token)

    def url(self, driver_id):
        return f"ws://{self.address}/api/v1/ws/driver/{driver_id}"

    def app(self, driver_id, token, **options):
        """A connection of the driver's app, to be used with `async with`."""
        return connect(f"{self.url(driver_id)}?token={token}", open_timeout=DEADLINE_SECS, **options)

    async def rest(self, method, path, token, body=None):
        return await asyncio.to_thread(self._rest, method, path, token, body)

    def _rest(self, method, path, token, body):
        request = urllib.request.Request(f"http://{self.address}/api/v1/{path}", method=method)
        request.add_header("Authorization", f"Bearer {token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECS) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.loads(refusal.read() or b"null")


class Operator:
    """What operators do in these scenarios."""

    def __init__(self, server, token):
        self.server = server
        self.token = token

    async def post(self, path, body, expected):
        status, reply = await self.server.rest("POST", path, self.token, body)
        assert status == expected, (status, reply)
        return reply

    async def assign_new(self, driver_id):
        order = {
            "restaurant_name": "Burger King", "pickup_address": "Koramangala 5th Block, Bangalore",
            "delivery_address": "Indiranagar 100ft Road, Bangalore", "earnings": 45.5, "distance_km": 3.2,
        }
        order_id = (await self.post("admin/orders", order, 201))["order_id"]
        await self.post(f"admin/orders/{order_id}/assign", {"driver_id": driver_id}, 200)
        return order_id

    async def cancel(self, order_id, reason):
        await self.post(f"admin/orders/{order_id}/cancel", {"reason": reason}, 200)


async def expect(socket, kind):
    """The next message, which must be of this type."""
    async with asyncio.timeout(DEADLINE_SECS):
        message = json.loads(await socket.recv())
    assert message["type"] == kind, message
    return message


async def send(socket, **message):
    await socket.send(json.dumps(message))


async def sync(socket):
    """A ping and its pong, with nothing in between: all that was sent before has been read."""
    await send(socket, type="ping")
    await expect(socket, "pong")
