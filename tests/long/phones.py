"""Thousands of phones for little: WebSockets by hand on asyncio's transports, in processes of their own.

A library's socket costs a millisecond to open and some tens of kilobytes; with five thousand of them the tool would be what is
measured. Here a phone is one object; it answers pings, as every phone does, and knows the numbers of its events.
"""

import asyncio
import json
import multiprocessing
import random
import resource
import socket
import struct
import time

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
RECEIVE_BUFFER_BYTES = 32 * 1024
# What apps do after a lost connection: soon, at random, and ever more slowly.
BACK_OFF_SECS = 0.5
BACK_OFF_SECS_MAX = 5.0


class Phone(asyncio.Protocol):
    """One driver's app over all its connections. What it hears, its fleet is told."""

    def __init__(self, fleet, driver_id, token):
        self.fleet, self.driver_id, self.token = fleet, driver_id, token
        self.newest, self.is_connected, self.is_stopped, self.tries = 0, False, False, 0
        self.wrong = []
        self.transport = None

    async def open(self):
        self.buffer, self.is_upgraded = bytearray(), False
        host, port = self.fleet.address.rsplit(":", 1)
        loop, tcp = asyncio.get_running_loop(), socket.socket()
        tcp.setblocking(False)
        # As little as a phone holds: what it does not read soon waits with the server.
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        try:
            await loop.sock_connect(tcp, (host, int(port)))
            await loop.create_connection(lambda: self, sock=tcp)
        except OSError:
            tcp.close()
            self.come_back()

    def connection_made(self, transport):
        self.transport = transport
        after = f"&last_event_id={self.newest}" if self.newest else ""
        transport.write((
            f"GET /api/v1/ws/driver/{self.driver_id}?token={self.token}{after} HTTP/1.1\r\nHost: {self.fleet.address}\r\n"
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        ).encode())

    def connection_lost(self, _):
        self.is_connected = False
        self.fleet.lost(self)
        self.come_back()

    def come_back(self):
        """Later, unless the fleet is gone."""
        if self.fleet.is_over:
            return
        self.tries += 1
        longest = min(BACK_OFF_SECS * 2 ** self.tries, BACK_OFF_SECS_MAX)
        self.fleet.after(random.uniform(0, longest), self.open)

    def stop_reading(self):
        """An app that hangs: its connection is there, and nothing is read from it."""
        self.is_stopped = True
        self.transport.pause_reading()

    def data_received(self, data):
        self.buffer += data
        if not self.is_upgraded:
            head, separator, rest = bytes(self.buffer).partition(b"\r\n\r\n")
            if not separator:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.fleet.refused(self, head[9:12].decode())
                self.transport.abort()
                return
            self.buffer, self.is_upgraded = bytearray(rest), True
        while self.next_frame():
            pass

    def next_frame(self):
        """Takes one frame off the buffer, if there is a whole one."""
        buffer = self.buffer
        if len(buffer) < 2:
            return False
        length, start = buffer[1], 2
        if length == 126:
            length, start = int.from_bytes(buffer[2:4]), 4
        elif length == 127:
            length, start = int.from_bytes(buffer[2:10]), 10
        if len(buffer) < start + length:
            return False
        opcode, payload = buffer[0] & 15, bytes(buffer[start:start + length])
        del buffer[:start + length]
        if opcode == TEXT:
            self.heard(json.loads(payload), time.monotonic())
        elif opcode == PING:
            self.send(PONG, payload)
        elif opcode == CLOSE:
            self.fleet.closed(self, int.from_bytes(payload[:2]))
            self.send(CLOSE, payload[:2])
            self.transport.close()
        return True

    def send(self, opcode, payload):
        # Masked, as a client must, with a mask that changes nothing.
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | len(payload)) if len(payload) < 126 \
            else struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, len(payload))
        self.transport.write(head + bytes(4) + payload)

    def heard(self, message, at):
        number = message.get("id")
        if message["type"] == "connected":
            self.is_connected, self.tries = True, 0
            self.fleet.connected(self, at)
        elif number is not None:
            if number != self.newest + 1:
                self.wrong.append(f"driver {self.driver_id}: {number} after {self.newest}")
            self.newest = max(number, self.newest)
            self.fleet.event(self, message, at)


class Fleet:
    """Phones in one process, and what is written down of them."""

    def __init__(self, address, tokens):
        self.address, self.is_over, self.tasks = address, False, set()
        self.phones = [Phone(self, driver_id, token) for driver_id, token in tokens]
        # Kept small: (time, what) of each connection that came, each end, each event with what it is of.
        self.came, self.ended, self.refusals, self.events = [], [], {}, []

    def connected(self, phone, at):
        self.came.append((at, phone.driver_id))

    def lost(self, phone):
        self.ended.append((time.monotonic(), phone.driver_id))

    def closed(self, _, code):
        self.refusals[f"close {code}"] = self.refusals.get(f"close {code}", 0) + 1

    def refused(self, _, status):
        self.refusals[status] = self.refusals.get(status, 0) + 1

    def event(self, phone, message, at):
        data = message["data"]
        self.events.append((at, message["type"], data["order_id"], phone.driver_id, data.get("reason", "")[:32]))

    def after(self, secs, act):
        async def later():
            await asyncio.sleep(secs)
            await act()
        task = asyncio.get_running_loop().create_task(later())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def connect(self, at_once):
        """All of them, so many at a time."""
        gate = asyncio.Semaphore(at_once)

        async def one(phone):
            async with gate:
                await phone.open()
                while not phone.is_connected:
                    await asyncio.sleep(0.005)
        await asyncio.gather(*map(one, self.phones))

    async def connect_within(self, secs):
        """Each begins at its time within these seconds, whatever becomes of the others."""
        begun = time.monotonic()
        for number, phone in enumerate(self.phones):
            due = begun + secs * number / len(self.phones)
            if (wait := due - time.monotonic()) > 0.001:
                await asyncio.sleep(wait)
            self.after(0, phone.open)
            if number % 16 == 0:
                await asyncio.sleep(0)
        return begun, time.monotonic()

    def connected_now(self):
        return sum(phone.is_connected for phone in self.phones)

    def report(self):
        wrong = [text for phone in self.phones for text in phone.wrong]
        return {
            "connected": sum(phone.is_connected for phone in self.phones), "wrong": wrong, "came": self.came,
            "ended": self.ended, "refusals": self.refusals, "events": self.events,
        }

    def forget(self):
        self.came, self.ended, self.refusals, self.events = [], [], {}, []


class FleetProcess:
    """A fleet behind a pipe. A request is the name of a method with its arguments; the answer comes when it is done."""

    def __init__(self, address, tokens):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(theirs, address, tokens), daemon=True)
        self.process.start()

    def tell(self, name, *arguments):
        self.pipe.send((name, arguments))

    async def told(self):
        return await asyncio.to_thread(self.pipe.recv)

    async def ask(self, name, *arguments):
        self.tell(name, *arguments)
        return await self.told()

    def close(self):
        self.process.kill()
        self.process.join()


def serve(pipe, address, tokens):
    asyncio.run(answer_all(pipe, Fleet(address, tokens)))


async def answer_all(pipe, fleet):
    loop = asyncio.get_running_loop()
    asked = asyncio.Queue()
    loop.add_reader(pipe.fileno(), lambda: asked.put_nowait(pipe.recv()))
    while True:
        name, arguments = await asked.get()
        if name == "stop_reading":
            for phone in fleet.phones[:arguments[0]]:
                phone.stop_reading()
            answer = None
        else:
            answer = getattr(fleet, name)(*arguments)
            answer = await answer if asyncio.iscoroutine(answer) else answer
        pipe.send(answer)


def allow_files():
    """As many open files as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


async def launch(server, tokens, processes):
    """Phones for all these drivers, shared out over some processes."""
    return [FleetProcess(server.address, tokens[start::processes]) for start in range(processes)]


async def ask_all(fleets, name, *arguments):
    for fleet in fleets:
        fleet.tell(name, *arguments)
    return [await fleet.told() for fleet in fleets]
