"""Operators at a steady pace, each on a kept connection, in a process of their own: what they were answered, and when."""

import asyncio
import itertools
import multiprocessing
import os
import random
import time

from wire import Broken, Connection

ORDER = {
    "restaurant_name": "Burger King", "pickup_address": "Koramangala 5th Block, Bangalore",
    "delivery_address": "Indiranagar 100ft Road, Bangalore", "earnings": 45.5, "distance_km": 3.2,
}
PAUSE_SECS = 0.02
# With its time in front and the rest of the message this makes an event of a kilobyte; two bytes each.
PADDING = "\u00e9" * 440


class Desk:
    """One operator: asks until there is an answer, under one key."""

    def __init__(self, address, token):
        self.address, self.connection = address, None
        self.headers = [("Authorization", f"Bearer {token}")]
        self.keys = itertools.count()
        self.name = f"{os.getpid()}-{id(self)}-{random.random()}"
        self.refusals = {}

    async def insist(self, path, body):
        key = ("Idempotency-Key", f"{self.name}-{next(self.keys)}")
        while True:
            try:
                if self.connection is None:
                    self.connection = await Connection.open(self.address)
                status, text = await self.connection.ask("POST", f"/api/v1/{path}", body, [*self.headers, key])
                if status < 300:
                    return text
            except (Broken, OSError, TimeoutError) as broken:
                status = type(broken).__name__
            self.refusals[status] = self.refusals.get(status, 0) + 1
            if isinstance(status, int) and status not in (429, 503):
                raise AssertionError(f"{path}: {status} {text}")
            # A server that stops ends the connection with its answer.
            self.connection = None
            await asyncio.sleep(PAUSE_SECS)

    async def new_order(self, order=ORDER):
        text = await self.insist("admin/orders", order)
        return int(text.split('"order_id":', 1)[1].split(",", 1)[0].strip(" }"))


def paced(per_sec, count):
    """When each of them is due."""
    begun = time.monotonic()
    return (begun + number / per_sec for number in range(count))


async def wait_for(due):
    if (wait := due - time.monotonic()) > 0:
        await asyncio.sleep(wait)


async def dispatch(address, token, driver_ids, per_sec, stop, done):
    """New orders, each assigned to somebody, until they are to stop: (asked, made, assigned, order, driver)."""
    desks = [Desk(address, token) for _ in range(8)]
    free = asyncio.Queue()
    for desk in desks:
        free.put_nowait(desk)

    async def one(desk):
        asked = time.monotonic()
        order_id = await desk.new_order()
        made = time.monotonic()
        driver_id = random.choice(driver_ids)
        await desk.insist(f"admin/orders/{order_id}/assign", {"driver_id": driver_id})
        done.append((asked, made, time.monotonic(), order_id, driver_id))
        free.put_nowait(desk)

    running = set()
    for due in paced(per_sec, 10 ** 9):
        if stop.is_set():
            break
        await wait_for(due)
        task = asyncio.create_task(one(await free.get()))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return [desk.refusals for desk in desks]


async def events(address, token, driver_ids, per_sec, count, at_once=16):
    """So many events of a kilobyte, by turns to each of the drivers: an order given and taken back. A reason begins with the
    time at which it was said."""
    due, drivers = paced(per_sec, count), itertools.cycle(driver_ids)
    big = ORDER | {"pickup_address": PADDING[:190], "delivery_address": PADDING[:190]}

    async def one():
        desk = Desk(address, token)
        order_id = await desk.new_order(big)
        for first in due:
            await wait_for(first)
            await desk.insist(f"admin/orders/{order_id}/assign", {"driver_id": next(drivers)})
            if (second := next(due, None)) is not None:
                await wait_for(second)
            reason = f"{time.monotonic():.6f} {PADDING}"
            await desk.insist(f"admin/orders/{order_id}/unassign", {"reason": reason})

    begun = time.monotonic()
    await asyncio.gather(*(one() for _ in range(at_once)))
    return time.monotonic() - begun


def run_dispatch(pipe, stop, *arguments):
    done = []
    refusals = asyncio.run(dispatch(*arguments, stop, done))
    pipe.send((done, refusals))


def run_events(pipe, _, *arguments):
    pipe.send(asyncio.run(events(*arguments)))


class Operators:
    """A process of theirs; its answer comes when it has ended."""

    def __init__(self, run, *arguments):
        self.pipe, theirs = multiprocessing.Pipe()
        self.stop = multiprocessing.Event()
        self.process = multiprocessing.Process(target=run, args=(theirs, self.stop, *arguments), daemon=True)
        self.process.start()

    async def ended(self):
        self.stop.set()
        return await asyncio.to_thread(self.pipe.recv)

    def close(self):
        self.process.kill()
        self.process.join()
