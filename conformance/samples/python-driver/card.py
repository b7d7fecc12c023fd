"""Chapter invitation, *The card*: what people hand on, as one line of text.

Each refusal has the layer of the vectors and words for the person who pasted the text."""
import base64
import hashlib
import ipaddress
import re

SCHEME, SYMBOLS = "EDGEWISE", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
KINDS = {"S": "shown", "T": "sent", "A": "address"}
HASH_LEN, CHECK_LEN, SECRET_SYMBOLS, CHECK_SYMBOLS, HOST_LEN_MAX = 32, 5, 52, 8, 100
SERVER_LEN_MAX = 1 + SECRET_SYMBOLS + 1 + HOST_LEN_MAX + 1 + 5 + 1
CARD_LEN_MAX = len(SCHEME) + 4 + SECRET_SYMBOLS + 3 * SERVER_LEN_MAX + 1 + CHECK_SYMBOLS
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
PLACE = re.compile(r"(?P<host>.*):(?P<port>[1-9][0-9]{0,4})(?P<cleartext>\*?)")


class CardRefused(Exception):
    """The text is no card (INVITATION-22)."""

    def __init__(self, layer, message):
        super().__init__(message)
        self.layer = layer


class Card:
    """A card whose every part is in order."""

    def __init__(self, kind, secret, servers, written):
        self.kind, self.secret, self.servers, self.written = kind, secret, servers, written


def parse(text):
    """The card in a text of either case, with white space anywhere (INVITATION-20)."""
    text = _plain(text)
    kind, count, rest = _head(text)
    parts, expected = rest.split("/"), 2 + 2 * count
    check = parts[expected - 1] if len(parts) >= expected else ""
    if len(parts) < expected or (len(parts) == expected and len(check) < CHECK_SYMBOLS):
        raise CardRefused("truncated", "the end is missing; copy the whole invitation")
    if len(parts) > expected or len(check) > CHECK_SYMBOLS:
        raise CardRefused("surplus", "something follows the invitation; copy it alone")
    secret, servers = _decode(parts[0], HASH_LEN), []
    for at in range(1, expected - 1, 2):
        servers.append((_decode(parts[at], HASH_LEN), _place(parts[at + 1])))
    front = text[:-CHECK_SYMBOLS].encode()
    digest = hashlib.sha256(b"\0\x0finvitation/card" + front).digest()
    if _decode(check, CHECK_LEN) != digest[:CHECK_LEN]:  # INVITATION-21
        raise CardRefused("altered", "the invitation was altered on its way; copy it again")
    if len({fingerprint for fingerprint, _ in servers}) < count:  # INVITATION-14
        raise CardRefused("twice", "the invitation names a server twice; ask for a new one")
    return Card(kind, secret, [_address(*server) for server in servers], text)


def _plain(text):
    symbols = re.sub(r"[ \t\n\f\r]", "", text)
    if len(symbols) > CARD_LEN_MAX:
        _check_scheme(text)
        raise CardRefused("long", "this is longer than any invitation; copy it alone")
    # Capitals of ASCII alone: others would change what stands there.
    plain = re.sub("[a-z]", lambda letter: letter[0].upper(), symbols)
    if not plain:
        raise CardRefused("empty", "there is no text; paste the whole invitation")
    _check_scheme(plain)
    if any(not "!" <= symbol <= "~" for symbol in plain):
        raise CardRefused("symbol", "a character does not belong there; copy it again")
    return plain


def _check_scheme(text):
    scheme, colon, rest = text.strip(" \t\n\f\r").partition(":")
    if not colon and SCHEME.startswith(scheme.upper()):
        raise CardRefused("truncated", "the end is missing; copy the whole invitation")
    if not colon or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,31}", scheme):
        raise CardRefused("no-card", "this is no invitation; one begins with EDGEWISE:")
    if scheme.upper() != SCHEME:
        raise CardRefused("foreign", f"this is a link of {scheme.lower()}:, not of Edgewise")
    if rest.startswith("//"):
        raise CardRefused("server-address", "this is the address of a server; it invites nobody")


def _head(text):
    front = text[len(SCHEME) + 1:]
    for known, layer, place in ((KINDS, "kind", 0), ("123", "count", 1), ("/", "symbol", 2)):
        if len(front) <= place:
            raise CardRefused("truncated", "the end is missing; copy the whole invitation")
        if front[place] not in known:
            raise CardRefused(layer, f"{front[place]!r} is unknown here; copy it again")
    return KINDS[front[0]], int(front[1]), front[3:]


def _decode(text, length):
    """The bytes of base32 without padding, which has one spelling."""
    if any(symbol not in SYMBOLS for symbol in text):
        raise CardRefused("symbol", "a character does not belong there; copy it again")
    if len(text) != -(-length * 8 // 5):
        raise CardRefused("length", "a part has another length; copy it again")
    number, spare = 0, len(text) * 5 - length * 8
    for symbol in text:
        number = number << 5 | SYMBOLS.index(symbol)
    if number & ((1 << spare) - 1):
        raise CardRefused("altered", "the invitation was altered on its way; copy it again")
    return (number >> spare).to_bytes(length, "big")


def _place(text):
    """(host, port, tls); an IPv6 host gets its brackets back."""
    found = PLACE.fullmatch(text)
    host = found["host"].lower() if found else ""
    if host.count(":"):
        try:
            ipaddress.IPv6Address(host if "%" not in host else "")
        except ValueError:
            host = ""
        host = host and f"[{host}]"
    elif not all(LABEL.fullmatch(label) for label in host.split(".")):
        host = ""
    if not host or len(host) > HOST_LEN_MAX or int(found["port"]) > 65535:
        raise CardRefused("place", f"{text.lower()!r} is no place of a server; copy it again")
    return host, int(found["port"]), not found["cleartext"]


def _address(fingerprint, place):
    """LINK-2"""
    host, port, tls = place
    name = base64.urlsafe_b64encode(fingerprint).decode().rstrip("=")
    return f"edgewise://{name}@{host}:{port}" + ("" if tls else "?tls=off")
