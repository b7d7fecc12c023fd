"""Answers vectors, one line of JSON each: conformance/README.md, *Vectors against your program*.

What the server's modules compute is answered, and nothing else: the client's half of the chapters,
and requests, which Connections judges together with its records, are unsupported."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "generated"))  # made by ./run

import frame  # noqa: E402
import link  # noqa: E402
import rotation  # noqa: E402
import suite  # noqa: E402
from edgewise.v1 import error_pb2, frame_pb2, rotation_pb2  # noqa: E402
from error import Rejected  # noqa: E402
from suite import D, H, lp  # noqa: E402

SMALL = frame.LENGTH[1]


class Refused(Exception):
    """By this layer."""


class Unsupported(Exception):
    """Why."""


class Input:
    """An input's fields, those in hexadecimal as bytes."""

    def __init__(self, fields):
        self.fields = fields

    def __getattr__(self, name):
        return bytes.fromhex(self.fields[name])

    def __getitem__(self, name):
        return self.fields[name]


def own_suite(it):
    if it["suite"] != suite.SUITE:
        raise Unsupported("suite 0x0002 is not offered")


# Chapter suite

def derive(it):
    own_suite(it)
    return {"output": D(it.secret, it["label"].encode(), it.context, it["length"])}


def seal_opened(it):
    own_suite(it)
    return {"text": suite.Key(it.key).open(it.nonce, it.ad, it.sealed)}


def argon2id(it):
    try:
        return {"output": suite.password_hash(it.password, it.salt, it["memory_kib"], it["passes"])}
    except ValueError:
        raise Refused("parameters") from None  # SUITE-24


def sign(it):
    key = suite.SigningKey(it.seed)
    return {"public": key.vk, "signature": key.sign(it.message)}


def verifying_key(it):
    suite.check_vk(it.public)
    return {}


def verify(it):
    suite.check_vk(it.public)
    suite.check_signature(it.public, it.message, it.signature)
    return {}


def encapsulation_key(it):
    suite.check_ek(it.ek)
    return {}


def decapsulate(it):
    suite.check_ct(it.ct)
    return {"ss": suite.KemKey(it.seed).decapsulate(it.ct)}


# Chapter frame

def read(it):
    if it["from"] != "client":
        raise Unsupported("a server reads what clients write")
    items = frame.read(it.front.ljust(frame.LENGTH[it["class"]] - frame.LINK_TAG, b"\0"))
    out = []
    for kind, item in items:
        known = kind is not None
        if not known and not item.tag:
            continue  # FRAME-15
        if known:
            item.DiscardUnknownFields()
        encoded = item.SerializeToString() if known else b""
        out.append({"tag": item.tag, "known": known, "item": encoded})
    return {"items": out}


def write(it):
    writer = frame.Writer(it["class"])
    for encoded in it["items"]:
        if not writer.add(frame_pb2.Item.FromString(bytes.fromhex(encoded))):
            raise Refused("no-room")
    return {"front": writer.finish().rstrip(b"\0")}


# Chapter link

class OneEpoch:
    """A server that has this epoch alone; it is over when its record says so (LINK-13)."""

    def __init__(self, it):
        self.fingerprint, self._record = it.fingerprint, it.record
        self._key = suite.KemKey(it.epoch_seed)

    def epoch(self, number, now):
        at = [int.from_bytes(self._record[a:b], "big") for a, b in ((32, 36), (36, 44), (44, 52))]
        return (self._record, self._key) if number == at[0] and at[1] <= now < at[2] else None


def hello(it):
    if it.hello[:2] == b"\0\2":
        raise Unsupported("suite 0x0002 is not offered")
    opened = link.Opened(OneEpoch(it), it["now"], it["class"], it.hello)
    return {name: getattr(opened, name) for name in ("th0", "ss_s", "k1", "options", "th1")}


def ratchet(it):
    own_suite(it)
    return {"next": D(it.key, b"link/ratchet", it["n"].to_bytes(8, "big"))}


def blocks(it):
    """A direction that stands at block n."""
    own_suite(it)
    direction = link.Blocks(it.key)
    for _ in range(it["n"]):
        direction.seal(b"")
    return direction


def seal(it):
    opened = it.front.ljust(SMALL - frame.LINK_TAG, b"\0")
    return {"block": blocks(it).seal(opened)}


def open_block(it):
    if len(it.block) != SMALL:
        raise Refused("block-length")  # FRAME-2
    try:
        return {"front": blocks(it).open(it.block).rstrip(b"\0")}
    except suite.Refused:
        raise Refused("block-seal") from None  # LINK-27


# Chapter connection

def ids(it):
    return {"recipient_id": H(lp(b"connection/recipient-id"), it.fingerprint, it.recipient_vk),
            "sender_id": H(lp(b"connection/sender-id"), it.fingerprint, it.claim_vk)}


def access(it):
    own_suite(it)
    stretched = suite.password_hash(it.password, it.fingerprint[:16], 19456, 2)
    return {"stretched": stretched, "proof": D(stretched, b"connection/access", it.transcript)}


# Chapter rotation

class Key:
    """The times of a KeyRecord."""

    def __init__(self, it):
        self.not_before, self.not_after = it["not_before"], it["not_after"]
        self.grace = it["grace"]


def life(it):
    state = rotation.life(Key(it), it["hour"])
    return {"life": {"in grace": "grace"}.get(state, state)}


def change(it):
    wire = rotation_pb2.KeyChange.FromString(it.change)
    rotation.check_change_form(wire)
    rotation.check_change_terms(wire, it["version"], it["hour"])
    rotation.check_change_signed(wire, it["role"], it.recipient_id)
    return {"signed": rotation.change_text(wire, it["role"], it.recipient_id)}


def chain(it):
    changes = [rotation_pb2.KeyChange.FromString(bytes.fromhex(text)) for text in it["chain"]]
    rotation.check_chain_form(changes, it.vk, it["version"])
    rotation.check_chain_terms(changes, it["hour"])
    rotation.check_chain_signed(changes, it["role"], it.recipient_id)
    key = rotation_pb2.KeyRecord.FromString(it.record)
    missed = rotation.missed(key, changes)
    rotation.check_follow(key, missed, it["hour"])
    key = missed[-1].new_key if missed else key
    return {"vk": key.vk, "version": key.version}


ANSWERS = {
    "suite": {
        "hash": lambda it: {"digest": H(it.message)},
        "lp": lambda it: {"encoded": lp(it["label"].encode())},
        "derive": derive, "open": seal_opened, "argon2id": argon2id, "sign": sign,
        "verifying_key": verifying_key, "verify": verify,
        "x_wing_key": lambda it: {"ek": suite.KemKey(it.seed).ek},
        "encapsulation_key": encapsulation_key, "decapsulate": decapsulate},
    "frame": {"read": read, "write": write},
    "link": {
        "fingerprint": lambda it: {"fingerprint": H(lp(b"link/fingerprint"), it.identity_vk)},
        "hello": hello, "ratchet": ratchet, "seal": seal, "open": open_block},
    "connection": {"ids": ids, "access": access},
    "rotation": {"life": life, "change": change, "chain": chain},
}


def answer(question):
    operation = ANSWERS.get(question["file"], {}).get(question["operation"])
    try:
        if operation is None:
            raise Unsupported("not a part of this server")
        return {"output": operation(Input(question["input"]))}
    except Unsupported as why:
        return {"unsupported": str(why)}
    except (Refused, suite.Refused, frame.Malformed) as layer:
        return {"refused": str(layer)}
    except link.HelloRefused as refusal:
        return {"refused": refusal.layer}
    except Rejected as refusal:
        name = error_pb2.RejectCode.Name(refusal.reject.code).removeprefix("REJECT_CODE_")
        return {"refused": name.lower().replace("_", "-")}


def main():
    for line in sys.stdin:
        question = json.loads(line)
        reply = {"id": question["id"]} | answer(question)
        print(json.dumps(reply, default=bytes.hex), flush=True)


if __name__ == "__main__":
    main()
