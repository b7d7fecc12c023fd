"""An Edgewise server for profile core: links over cleartext HTTP/2, everything in memory.

It is started as the conformance suite starts a program (control.proto): ServerStart comes on
standard input, ServerReady goes to standard output, each behind its length as u32."""
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "generated"))  # made by ./run

import grpc  # noqa: E402

import frame  # noqa: E402
import link as links  # noqa: E402
from connection import Connections  # noqa: E402
from edgewise.conformance.v1 import control_pb2, control_pb2_grpc  # noqa: E402
from edgewise.v1 import frame_pb2, link_pb2, service_pb2_grpc  # noqa: E402
from store import Store  # noqa: E402

HALF_OPEN_MAX, HELLO_SECONDS, EPOCH_SECONDS = 4096, 10, 86400
LINGER = 30  # real seconds that a finished link waits for a client that does not take its blocks
TICK = 0.1


class Clock:
    """Seconds since the Unix epoch, and what the suite has added to them."""

    def __init__(self):
        self.added = 0

    def now(self):
        return time.time() + self.added


class Server(service_pb2_grpc.LinkServiceServicer, control_pb2_grpc.ConformanceControlServicer):
    """Both services, each stream in a task of its own, all of them in one thread."""

    def __init__(self, start):
        asked, self._clock = start.limits, Clock()
        self._hello_seconds = asked.hello_seconds or HELLO_SECONDS
        self.identity = links.Identity(asked.epoch_seconds or EPOCH_SECONDS)
        stall, life = asked.stall_seconds, asked.link_life_seconds
        self._limits = link_pb2.Limits(  # LINK-8
            quota_max=512, idle_days_max=365, part_days_max=30,
            stall_seconds=stall if stall in links.STALL_SECONDS_LIST else 60,
            link_life_seconds=life if life in links.LINK_LIFE_SECONDS_LIST else 86400)
        self._access_required = bool(start.access_password)
        self._store = Store(self._clock, self._limits.link_life_seconds)
        self._connections = Connections(
            self.identity.fingerprint, self._clock, self._store, self._limits,
            start.access_password, asked.connections_max)
        self._half_open = {}  # asyncio.Timeout of an unconfirmed stream -> when it is over
        self._links = {}  # Link -> the task of its stream
        self._streams = set()  # tasks

    # LinkService

    async def Describe(self, request, context):
        if request.block != bytes(links.DESCRIBE_REQUEST_LEN):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "")  # LINK-7
        block = self.identity.describe(self._clock.now(), self._limits, self._access_required)
        return link_pb2.DescribeResponse(block=block)

    async def Open(self, _, context):
        task = asyncio.current_task()
        self._streams.add(task)
        try:
            link, opened = await self._handshake(context)
            self._links[link] = task
            await self._serve(link, opened, context)
        except links.HelloRefused as refusal:
            await context.abort(grpc.StatusCode[refusal.status], "")  # LINK-21
        finally:
            self._streams.discard(task)

    async def _handshake(self, context):
        """The link, and what its first block opens to."""
        if len(self._half_open) >= HALF_OPEN_MAX:
            raise links.HelloRefused("RESOURCE_EXHAUSTED")  # LINK-20
        try:
            async with asyncio.timeout(self._hello_seconds) as timeout:
                self._half_open[timeout] = self._clock.now() + self._hello_seconds
                try:
                    return await self._confirm(context)
                finally:
                    del self._half_open[timeout]
        except TimeoutError:
            raise links.HelloRefused("DEADLINE_EXCEEDED") from None  # LINK-19

    async def _confirm(self, context):
        first = await self._read(context)
        link_class = frame.CLASS_OF.get(len(first or b""))
        if link_class is None:
            raise links.HelloRefused  # LINK-10
        hello = first
        for _ in range(links.hello_blocks(link_class) - 1):
            block = await self._read(context)
            if block is None or len(block) != len(first):
                raise links.HelloRefused  # LINK-11
            hello += block
        reply, up, down, transcript = links.accept(
            self.identity, self._clock.now(), link_class, hello)
        for at in range(0, len(reply), len(first)):
            await context.write(frame_pb2.Frame(block=reply[at:at + len(first)]))
        block = await self._read(context)
        link = links.Link(self._connections, self._clock.now(), link_class, up, down, transcript)
        opened = link.open_first(block) if block is not None else None
        if opened is None:
            raise links.HelloRefused  # LINK-23
        return link, opened

    async def _serve(self, link, opened, context):
        reader = asyncio.create_task(self._receive(link, opened, context))
        try:
            await self._send(link, context)
        finally:
            link.end()  # also where the stream is reset (LINK-37)
            reader.cancel()
            del self._links[link]

    async def _receive(self, link, opened, context):
        """Take blocks, whatever becomes of those that are sent (LINK-31)."""
        link.carry_out(opened)
        while link.over_at is None:
            block = await self._read(context)
            if block is None:
                link.end()  # LINK-37
            elif link.over_at is None:
                link.receive(block)

    async def _send(self, link, context):
        while True:
            link.event.clear()
            while (block := link.next_block()) is not None:
                link.blocked_at = self._clock.now()
                await context.write(frame_pb2.Frame(block=block))
                link.blocked_at = None
            if link.over_at is not None:
                return
            await link.event.wait()

    @staticmethod
    async def _read(context):
        """The next message's block, or None at the end of the client's direction."""
        message = await context.read()
        return None if message is grpc.aio.EOF else message.block

    # Time

    async def run(self):
        while True:
            self._tick()
            await asyncio.sleep(TICK)

    def _tick(self):
        now = self._clock.now()
        self.identity.roll(now)
        for link, task in list(self._links.items()):
            link.tick(now, self._limits)
            if link.over_at is not None and time.monotonic() >= link.over_at + LINGER:
                task.cancel()
        self._store.sweep()
        self._store.tick()

    # ConformanceControl

    async def AdvanceClock(self, request, context):
        self._clock.added += request.seconds
        loop, now = asyncio.get_running_loop(), self._clock.now()
        for timeout, over in self._half_open.items():
            timeout.reschedule(loop.time() + max(0, over - now))
        self._tick()
        await asyncio.sleep(0.02)  # what became due is with the carrier when this is answered
        return control_pb2.AdvanceClockResponse()

    async def Restart(self, request, context):
        for task in list(self._streams):
            task.cancel()
        await asyncio.sleep(0.02)
        self._store.lose()
        return control_pb2.RestartResponse()


async def main():
    length = int.from_bytes(sys.stdin.buffer.read(4), "big")
    start = control_pb2.ServerStart.FromString(sys.stdin.buffer.read(length))
    server = Server(start)
    carrier = grpc.aio.server(options=[
        ("grpc.so_reuseport", 0),
        # By itself gRPC refuses streams long before HALF_OPEN_MAX, with a status of its own.
        ("grpc.server.max_pending_requests", 2 * HALF_OPEN_MAX),
        ("grpc.server.max_pending_requests_hard_limit", 2 * HALF_OPEN_MAX)])
    service_pb2_grpc.add_LinkServiceServicer_to_server(server, carrier)
    capabilities = ["access", "full"]
    if start.clock == control_pb2.CLOCK_MODE_CONTROL:
        control_pb2_grpc.add_ConformanceControlServicer_to_server(server, carrier)
        capabilities += ["clock", "restart"]
    port = carrier.add_insecure_port("127.0.0.1:0")
    await carrier.start()
    ready = control_pb2.ServerReady(
        address=server.identity.address("127.0.0.1", port), implementation="python-sample",
        version="0.1.0", capabilities=capabilities).SerializeToString()
    sys.stdout.buffer.write(len(ready).to_bytes(4, "big") + ready)
    sys.stdout.buffer.flush()
    running = asyncio.create_task(server.run())
    # The suite closes standard input when it is done: nobody is to be left behind.
    await asyncio.to_thread(sys.stdin.buffer.read)
    running.cancel()
    await carrier.stop(0)


if __name__ == "__main__":
    asyncio.run(main())
