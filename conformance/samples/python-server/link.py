"""Chapter link: identity and epochs, Describe, the handshake, and a confirmed link.

Nothing here waits or knows gRPC: bytes come in, bytes go out, server.py carries them."""
import asyncio
import base64
import os
import time
import traceback
from collections import deque

from google.protobuf.message import DecodeError

import frame
from edgewise.v1 import error_pb2, frame_pb2, link_pb2
from error import goodbye
from suite import (CT_LEN, EK_LEN, HASH_LEN, SUITE, TAG_LEN, D, H, KemKey, Key, Refused,
                   SigningKey, check_ct, check_ek, encapsulate, lp)

SPEC_REVISION, RATCHET_FRAMES, REQUESTS_MAX = 1, 65536, 64
HELLO_OPTIONS_LEN, DESCRIBE_REQUEST_LEN, DESCRIBE_LEN = 202, 1024, 4096
HELLO_PREFIX_LEN = 6 + CT_LEN + EK_LEN
HELLO_LEN = HELLO_PREFIX_LEN + HELLO_OPTIONS_LEN + TAG_LEN
STALL_SECONDS_LIST, LINK_LIFE_SECONDS_LIST = (5, 15, 60, 120), (60, 3600, 43200, 86400)


class Identity:
    """The identity key, and the keys of the previous, the current and the next epoch."""

    def __init__(self, epoch_seconds):
        self._key = SigningKey(os.urandom(32))
        self.fingerprint = H(lp(b"link/fingerprint"), self._key.vk)  # LINK-1
        self._epoch_seconds = epoch_seconds
        self._epochs = {}  # number -> (record, KemKey)

    def address(self, host, port):
        """LINK-2"""
        name = base64.urlsafe_b64encode(self.fingerprint).decode().rstrip("=")
        return f"edgewise://{name}@{host}:{port}?tls=off"

    def _record(self, number, ek):
        begin = number * self._epoch_seconds
        body = (self._key.vk + number.to_bytes(4, "big") + begin.to_bytes(8, "big")
                + (begin + self._epoch_seconds).to_bytes(8, "big") + ek)
        return body + self._key.sign(lp(b"link/epoch") + body)

    def roll(self, now):
        """Make the keys that are missing and drop those that are over (LINK-39): the epoch."""
        current = int(now) // self._epoch_seconds
        for number in (current - 1, current, current + 1):
            if number not in self._epochs:
                key = KemKey()
                self._epochs[number] = self._record(number, key.ek), key
        for number in [n for n in self._epochs if n < current - 1]:
            del self._epochs[number]
        return current

    def epoch(self, number, now):
        """The record and key that a hello may name, or None (LINK-13, LINK-14)."""
        current = self.roll(now)
        return self._epochs[number] if abs(number - current) <= 1 else None

    def describe(self, now, limits, access_required):
        """LINK-3, LINK-6; the same bytes to all (LINK-9)."""
        current = self.roll(now)
        text = link_pb2.Description(
            revision=SPEC_REVISION, identity_vk=self._key.vk,
            epochs=[self._epochs[current][0], self._epochs[current + 1][0]],
            suites=[SUITE], classes=sorted(frame.LENGTH), limits=limits,
            access_required=access_required).SerializeToString()
        return (len(text).to_bytes(2, "big") + text).ljust(DESCRIBE_LEN, b"\0")


class HelloRefused(Exception):
    """The stream ends with this status, a name of grpc.StatusCode (LINK-21); the layer is for vectors."""

    def __init__(self, status="INVALID_ARGUMENT", layer=""):
        super().__init__(status)
        self.status, self.layer = status, layer


def hello_blocks(link_class):
    return -(-HELLO_LEN // frame.LENGTH[link_class])


class Opened:
    """What a server finds in a hello without its padding; refused in the order of the chapter."""

    def __init__(self, identity, now, link_class, hello):
        prefix = hello[:HELLO_PREFIX_LEN]
        if int.from_bytes(hello[:2], "big") != SUITE:
            raise HelloRefused("UNIMPLEMENTED", "suite")  # LINK-12
        epoch = identity.epoch(int.from_bytes(hello[2:6], "big"), now)
        if epoch is None:
            raise HelloRefused("FAILED_PRECONDITION", "epoch")  # LINK-13
        record, key = epoch
        ct_s, self.ek_c = hello[6:6 + CT_LEN], hello[6 + CT_LEN:HELLO_PREFIX_LEN]
        self.th0 = H(lp(b"link"), hello[:2], identity.fingerprint, record)
        try:
            check_ek(self.ek_c)
            check_ct(ct_s)
        except Refused:
            raise HelloRefused(layer="key") from None  # LINK-15
        self.ss_s = key.decapsulate(ct_s)
        self.k1 = D(self.ss_s, b"link/hello", self.th0 + prefix)
        try:
            self.options = Key(self.k1).open(bytes(12), prefix, hello[HELLO_PREFIX_LEN:])
        except Refused:
            raise HelloRefused(layer="options-seal") from None  # LINK-16
        _check_options(self.options, link_class)
        self.th1 = H(self.th0, hello)


def accept(identity, now, link_class, padded):
    """The server's procedure from the whole hello to the reply: (reply in whole blocks, Blocks
    of the client, Blocks of the server, transcript)."""
    if any(padded[HELLO_LEN:]):
        raise HelloRefused  # LINK-11
    opened = Opened(identity, now, link_class, padded[:HELLO_LEN])
    ct_c, ss_c = encapsulate(opened.ek_c)
    master = D(opened.ss_s + ss_c, b"link/master", opened.th1 + ct_c, 3 * HASH_LEN)
    reply = ct_c + master[:32]  # LINK-22
    length = frame.LENGTH[link_class]
    padded_reply = reply.ljust(-(-len(reply) // length) * length, b"\0")
    return padded_reply, Blocks(master[32:64]), Blocks(master[64:]), H(opened.th1, reply)


def _check_options(options, link_class):
    length = int.from_bytes(options[:2], "big")
    if length > HELLO_OPTIONS_LEN - 2 or any(options[2 + length:]):
        raise HelloRefused(layer="options-encoding")  # LINK-17
    try:
        asked = link_pb2.HelloOptions.FromString(options[2:2 + length])
    except DecodeError:
        raise HelloRefused(layer="options-encoding") from None  # LINK-17
    if asked.link_class != link_class or asked.depth != 0:
        raise HelloRefused(layer="options-value")  # LINK-18
    if asked.tick_ms != 0:
        raise HelloRefused("OUT_OF_RANGE", "tick")  # CADENCE-2: its Description has no ticks


class Blocks:
    """One direction of a link: its key and its count."""

    def __init__(self, key):
        self._bytes, self._key, self._count = key, Key(key), 0

    def _nonce(self):
        count = self._count.to_bytes(8, "big")
        if self._count and self._count % RATCHET_FRAMES == 0:  # LINK-28
            self._bytes = D(self._bytes, b"link/ratchet", count)
            self._key = Key(self._bytes)
        self._count += 1
        return bytes(4) + count

    def seal(self, opened):
        nonce = self._nonce()  # first: it may change the key
        return self._key.seal(nonce, None, opened)

    def open(self, block):
        """Refused unless it is the next one of its direction (LINK-27)."""
        nonce = self._nonce()
        return self._key.open(nonce, None, block)


class Link:
    """A confirmed link. What is due stands in one row, oldest first (LINK-51): functions that
    get a block's `add`, and say whether they are done."""

    def __init__(self, connections, now, link_class, up, down, transcript):
        self._connections, self._confirmed_at = connections, now
        self.link_class, self.transcript = link_class, transcript
        self._up, self._down = up, down
        self.attachments = {}  # by handle
        self.handles_used = 0  # the lowest handle that was never used
        self.window_used = 0  # bytes of parts delivered and not acknowledged
        self.due = deque()
        self._unanswered = self._answered = 0
        self.blocked_at = None  # since when the carrier has not taken the present block
        self.over_at = None  # monotonic; nothing is carried out any more (LINK-36)
        self._goodbye = None  # the code to say, where this end ends the link
        self.event = asyncio.Event()

    def put(self, item):
        self.due.append(lambda add: add(item))
        self.wake()

    def wake(self):
        self.event.set()

    def end(self, code=None):
        """The end: with a code by this end (LINK-34), without one by the other (LINK-35)."""
        if self.over_at is None:
            self.over_at, self._goodbye = time.monotonic(), code
            self._connections.forget(self)
            self.wake()

    def tick(self, now, limits):
        if self.blocked_at is not None and now >= self.blocked_at + limits.stall_seconds:
            self.end("STALLED")  # LINK-32
        if now >= self._confirmed_at + limits.link_life_seconds:
            self.end("LIFE_OVER")  # LINK-29

    # Receiving

    def open_first(self, block):
        """The block that confirms the link; None if it does not open (LINK-23)."""
        try:
            return self._up.open(block) if len(block) == frame.LENGTH[self.link_class] else None
        except Refused:
            return None

    def receive(self, block):
        if len(block) != frame.LENGTH[self.link_class]:
            return self.end("BLOCK_LENGTH")  # FRAME-2
        try:
            opened = self._up.open(block)
        except Refused:
            return self.end("BLOCK_SEAL")  # LINK-27
        self.carry_out(opened)

    def carry_out(self, opened):
        try:
            self._carry_out(frame.read(opened))
        except frame.Malformed:
            self.end("FRAME_MALFORMED")  # FRAME-11
        except Exception:  # a fault of this server's own
            traceback.print_exc()
            self.end("FAULT")

    def _carry_out(self, items):
        # All count before any is carried out, those behind a Goodbye too (LINK-30).
        self._unanswered += sum(1 for kind, item in items
                                if kind in frame.REQUESTS or (kind is None and item.tag))
        if self._unanswered > REQUESTS_MAX:
            return self.end("TOO_MANY_REQUESTS")
        for kind, item in items:  # FRAME-19
            if kind == "goodbye":
                return self.end()  # LINK-35, LINK-36
            if kind == "acknowledge":
                self._connections.acknowledge(self, item.acknowledge)
            elif kind in frame.REQUESTS:
                request = getattr(item, kind)
                self._answer(item.tag, self._connections.answer(self, kind, request))
                if kind == "subscribe":
                    self._connections.subscribed(self, request)
            elif item.tag:  # FRAME-14, FRAME-15
                reject = error_pb2.Reject(code=error_pb2.REJECT_CODE_UNSUPPORTED_ITEM)
                self._answer(item.tag, frame_pb2.Result(reject=reject))

    def _answer(self, tag, result):
        """FRAME-17"""
        item = frame_pb2.Item(tag=tag, result=result)

        def due(add):
            added = add(item)
            self._answered += added
            return added

        self.due.append(due)
        self.wake()

    # Sending

    def next_block(self):
        """The next sealed block, or None where nothing is due."""
        block, due = frame.Writer(self.link_class), self.due
        while due and due[0](block.add):
            due.popleft()
        if self._goodbye and not due and block.add(
                frame_pb2.Item(goodbye=goodbye(self._goodbye))):
            self._goodbye = None  # the last item of the last block
        if not block.items:
            return None
        # Answered before the client can have the Results, and ask anew (LINK-30).
        self._unanswered -= self._answered
        self._answered = 0
        return self._down.seal(block.finish())
