"""HTTP/1.1 over one connection from an address of the test's choosing, with nothing done behind the test's back.

An ordinary client's pool opens another connection where one has ended, and would hide what these tests are about.
"""

import asyncio
import json

DEADLINE_SECS = 20


class Broken(Exception):
    """The connection ended where an answer was due."""


class Connection:
    """One kept connection; no request of it is ever sent twice."""

    def __init__(self, reader, writer, host):
        self.reader, self.writer, self.host = reader, writer, host

    @classmethod
    async def open(cls, address, client="127.0.0.1"):
        host, port = address.rsplit(":", 1)
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(host, int(port), local_addr=(client, 0)), DEADLINE_SECS)
        return cls(reader, writer, address)

    async def ask(self, method, path, body=None, headers=()):
        """The status and the body's text."""
        try:
            return await asyncio.wait_for(self._ask(method, path, body, headers), DEADLINE_SECS)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Broken(str(error)) from error

    async def _ask(self, method, path, body, headers):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", *(f"{name}: {value}" for name, value in headers)]
        data = b""
        if body is not None:
            data = json.dumps(body).encode()
            lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
        # In one piece, or an answer waits for the peer's acknowledgement of the first.
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        if fields.get("transfer-encoding") == "chunked":
            text = await self._chunks()
        else:
            text = await self.reader.readexactly(int(fields.get("content-length", 0)))
        return status, text.decode()

    async def _chunks(self):
        text = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            text += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return text

    def close(self):
        self.writer.close()


async def post_once(address, path, body, client, headers=()):
    """A request on a connection of its own; its status."""
    connection = await Connection.open(address, client)
    try:
        return (await connection.ask("POST", path, body, headers))[0]
    finally:
        connection.close()
