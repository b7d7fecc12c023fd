"""Chapter frame: opened blocks, and the items in them."""
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from edgewise.v1 import frame_pb2

LENGTH = {1: 1024, 2: 4096, 3: 16320}  # of a block, by class; FRAME-1
CLASS_OF = {length: number for number, length in LENGTH.items()}
MEDIUM = 2
LINK_TAG, PART_OVERHEAD, ITEMS_MAX = 16, 176, 128
REQUESTS = {"send", "create", "claim", "deposit", "attach", "subscribe", "suspend", "resume",
            "rotate", "delete", "detach"}
FROM_CLIENT = REQUESTS | {"acknowledge", "goodbye"}


class Malformed(Exception):
    """The block breaks one of FRAME-5 to FRAME-10: the layer of the vectors."""


def part_len(link_class):
    """The one length of the parts of a class."""
    return LENGTH[link_class] - PART_OVERHEAD


def read(opened):
    """The items of an opened block, as (kind, item); kind is None for an unknown one.

    All or nothing: whoever carries out the first item has seen the last byte (FRAME-12)."""
    items, at = [], 0
    while len(opened) - at >= 2:
        length = int.from_bytes(opened[at:at + 2], "big")
        if length == 0:
            break
        at += 2
        if length > len(opened) - at:
            raise Malformed("item-length")  # FRAME-5
        if len(items) == ITEMS_MAX:
            raise Malformed("too-many-items")  # FRAME-8
        items.append(_decode(opened[at:at + length]))
        at += length
    if opened.count(0, at) != len(opened) - at:
        raise Malformed("not-zero")  # FRAME-6
    return items


def _decode(encoded):
    try:
        item = frame_pb2.Item.FromString(encoded)
    except DecodeError:
        raise Malformed("encoding") from None  # FRAME-7
    kind = item.WhichOneof("body")
    if kind is None and len(UnknownFieldSet(item)) == 0:
        raise Malformed("empty-item")  # FRAME-9
    if kind in REQUESTS and item.tag == 0:
        raise Malformed("untagged")  # FRAME-10
    return (kind if kind in FROM_CLIENT else None), item


class Writer:
    """One opened block in the making (FRAME-13)."""

    def __init__(self, link_class):
        self._room = LENGTH[link_class] - LINK_TAG
        self._data = bytearray()
        self.items = 0

    def add(self, item):
        """Append the item; False if it does not fit any more."""
        encoded = item.SerializeToString()
        if self.items == ITEMS_MAX or len(self._data) + 2 + len(encoded) > self._room:
            return False
        self._data += len(encoded).to_bytes(2, "big") + encoded
        self.items += 1
        return True

    def finish(self):
        return bytes(self._data).ljust(self._room, b"\0")
