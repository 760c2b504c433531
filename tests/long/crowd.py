"""One account with many connections, each of which asks for the same list as fast as it is answered; and one caller next to it,
who asks for the same now and then and measures. The crowd is a process of its own, so that it does not stand in the other's way.
"""

import asyncio
import collections
import time

from wire import Connection


async def ask_now_and_then(address, token, path, secs, pause=0.02):
    """How long each answer took, in seconds; all must be 200."""
    connection, took = await Connection.open(address), []
    until = time.monotonic() + secs
    while time.monotonic() < until:
        begun = time.monotonic()
        status, _ = await connection.ask("GET", f"/api/v1/{path}", headers=[("Authorization", f"Bearer {token}")])
        took.append(time.monotonic() - begun)
        if status != 200:
            raise AssertionError(f"{path} was answered with {status}")
        await asyncio.sleep(pause)
    return took


async def crowd(address, token, path, connections, stop):
    """How many answers there were of each status until it is to stop."""
    answers = collections.Counter()

    async def one():
        connection = await Connection.open(address)
        while not stop.is_set():
            status, _ = await connection.ask("GET", f"/api/v1/{path}", headers=[("Authorization", f"Bearer {token}")])
            answers[status] += 1

    await asyncio.gather(*(one() for _ in range(connections)))
    return dict(answers)


def run_crowd(pipe, stop, *arguments):
    pipe.send(asyncio.run(crowd(*arguments, stop)))
