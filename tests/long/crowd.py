"""One account with many connections, each of which asks for the same list as fast as it is answered; and one caller beside it,
who asks for the same now and then and measures. A process of its own for the crowd, so that it does not stand in the other's way.
"""

import asyncio
import multiprocessing
import time


class Connection:
    """An HTTP/1.1 connection that is kept open."""

    def __init__(self, address, token, path):
        self.host, self.port = address.rsplit(":", 1)
        lines = [f"GET /api/v1/{path} HTTP/1.1", f"Host: {address}", f"Authorization: Bearer {token}", "", ""]
        self.request = "\r\n".join(lines).encode()

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(self.host, int(self.port))
        return self

    async def ask(self):
        """The status of the answer."""
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self.reader.readexactly(int(length.split(b":")[1]))
        return int(head.split(b" ", 2)[1])


async def ask_now_and_then(address, token, path, secs, pause=0.02):
    """How long each answer took, in seconds; all must be 200."""
    connection, took = await Connection(address, token, path).open(), []
    until = time.monotonic() + secs
    while time.monotonic() < until:
        begun = time.monotonic()
        status = await connection.ask()
        took.append(time.monotonic() - begun)
        if status != 200:
            raise AssertionError(f"{path} was answered with {status}")
        await asyncio.sleep(pause)
    return took


async def _crowd(address, token, path, connections, secs):
    until, answers = time.monotonic() + secs, {}

    async def one():
        connection = await Connection(address, token, path).open()
        while time.monotonic() < until:
            status = await connection.ask()
            answers[status] = answers.get(status, 0) + 1

    await asyncio.gather(*[one() for _ in range(connections)])
    return answers


def _run(pipe, *arguments):
    pipe.send(asyncio.run(_crowd(*arguments)))


class Crowd:
    """Runs for so many seconds from now on."""

    def __init__(self, address, token, path, connections, secs):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_run, args=(theirs, address, token, path, connections, secs))
        self.process.start()

    async def answers(self):
        """How many there were of each status."""
        answers = await asyncio.to_thread(self.pipe.recv)
        self.process.join()
        return answers

    def close(self):
        if self.process.is_alive():
            self.process.terminate()
