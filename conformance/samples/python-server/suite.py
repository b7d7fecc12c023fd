"""Chapter suite: hash, derivation, AEAD, signatures, the KEM, the password hash.

Suite 0x0001 alone: SUITE-2 asks for hardware before 0x0002 is offered, and Python cannot tell.
Nothing here takes a constant time or erases a key (SUITE-27, SUITE-28): this is a sample.
"""
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SUITE = 1
HASH_LEN, TAG_LEN, VK_LEN, SIGNATURE_LEN, EK_LEN, CT_LEN = 32, 16, 32, 64, 1216, 1120
Q = 3329  # the modulus of ML-KEM
P = 2**255 - 19  # the field of Ed25519 and X25519
ELL = 2**252 + 27742317777372353535851937790883648493  # the order of Ed25519's base point


class Refused(Exception):
    """A key, signature or ciphertext is not acceptable, or a text does not open: the layer."""


def H(*parts):
    """SUITE-3"""
    return hashlib.sha256(b"".join(parts)).digest()


def lp(label):
    """SUITE-4"""
    return len(label).to_bytes(2, "big") + label


def D(secret, label, context=b"", length=32):
    """SUITE-5: HKDF-SHA-256, written out."""
    salt = b"edgewise/1" + SUITE.to_bytes(2, "big")
    info = lp(label) + H(context) + length.to_bytes(2, "big")
    prk = hmac.digest(salt, secret, "sha256")
    out, block, count = b"", b"", 0
    while len(out) < length:
        count += 1
        block = hmac.digest(prk, block + info + bytes([count]), "sha256")
        out += block
    return out[:length]


class Key:
    """A key of the suite's AEAD (SUITE-6, SUITE-7)."""

    def __init__(self, key):
        self._aead = ChaCha20Poly1305(key)

    def seal(self, nonce, ad, text):
        return self._aead.encrypt(nonce, text, ad)

    def open(self, nonce, ad, sealed):
        try:
            return self._aead.decrypt(nonce, sealed, ad)
        except InvalidTag:
            raise Refused("tag") from None


# Signatures. The library accepts more than SUITE-10 to SUITE-16 do, so they are judged before it.

def _integer(value):
    """32 little-endian bytes without their highest bit."""
    return int.from_bytes(value, "little") & (2**255 - 1)


SMALL_ORDER = {0, 1, P - 1} | {_integer(bytes.fromhex(y)) for y in (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")}


def check_vk(vk):
    """Refuse an Ed25519 public key that is not acceptable."""
    if len(vk) != VK_LEN:
        raise Refused("key-length")  # SUITE-10
    if _integer(vk) >= P:
        raise Refused("key-encoding")  # SUITE-11
    if _integer(vk) in SMALL_ORDER:
        raise Refused("key-order")  # SUITE-12


def check_signature(vk, message, signature):
    """Refuse what an acceptable key has not signed."""
    r, s = signature[:32], signature[32:]
    if len(signature) != SIGNATURE_LEN or int.from_bytes(s, "little") >= ELL:
        raise Refused("scalar")  # SUITE-13
    if _integer(r) >= P:
        raise Refused("point-encoding")  # SUITE-14
    if _integer(r) in SMALL_ORDER:
        raise Refused("point-order")  # SUITE-15
    try:
        Ed25519PublicKey.from_public_bytes(vk).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Refused("equation") from None  # SUITE-16


def _passes(check, *args):
    try:
        check(*args)
    except Refused:
        return False
    return True


def acceptable(vk):
    """Whether an Ed25519 public key is."""
    return _passes(check_vk, vk)


def verifies(vk, message, signature):
    """Whether an acceptable key has signed the message."""
    return _passes(check_signature, vk, message, signature)


class SigningKey:
    """SUITE-9"""

    def __init__(self, seed):
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.vk = self._key.public_key().public_bytes_raw()

    def sign(self, message):
        return self._key.sign(message)


# The KEM, X-Wing: ML-KEM-768 beside X25519.

LOW_ORDER = {0, 1, P - 1} | {_integer(bytes.fromhex(u)) for u in (
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")}


def _low_order(u):
    """Modulo p, which covers the second encodings of 0 and 1 (SUITE-23)."""
    return _integer(u) % P in LOW_ORDER


def check_ek(ek):
    if len(ek) != EK_LEN:
        raise Refused("key-length")  # SUITE-18
    for i in range(0, 1152, 3):
        a, b, c = ek[i:i + 3]
        if a | (b & 15) << 8 >= Q or b >> 4 | c << 4 >= Q:
            raise Refused("key-modulus")  # SUITE-19
    if _low_order(ek[1184:]):
        raise Refused("key-order")  # SUITE-20


def check_ct(ct):
    if len(ct) != CT_LEN or _low_order(ct[1088:]):
        raise Refused("ciphertext-order")  # SUITE-21


def _shared(ss_m, ss_x, ct_x, pk_x):
    return hashlib.sha3_256(ss_m + ss_x + ct_x + pk_x + b"\\.//^\\").digest()


class KemKey:
    """A key pair from a seed, a random one but for vectors (SUITE-17)."""

    def __init__(self, seed=None):
        expanded = hashlib.shake_256(seed or os.urandom(32)).digest(96)
        self._m = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        self._x = X25519PrivateKey.from_private_bytes(expanded[64:])
        self._pk_x = self._x.public_key().public_bytes_raw()
        self.ek = self._m.public_key().public_bytes_raw() + self._pk_x

    def decapsulate(self, ct):
        """The shared secret of a ciphertext that check_ct has let through (SUITE-22)."""
        ss_x = self._x.exchange(X25519PublicKey.from_public_bytes(ct[1088:]))
        return _shared(self._m.decapsulate(ct[:1088]), ss_x, ct[1088:], self._pk_x)


def encapsulate(ek):
    """(ct, ss) for a public key that check_ek has let through."""
    ss_m, ct_m = MLKEM768PublicKey.from_public_bytes(ek[:1184]).encapsulate()
    once = X25519PrivateKey.generate()
    ct_x = once.public_key().public_bytes_raw()
    ss_x = once.exchange(X25519PublicKey.from_public_bytes(ek[1184:]))
    return ct_m + ct_x, _shared(ss_m, ss_x, ct_x, ek[1184:])


def password_hash(password, salt, memory_kib, passes):
    """SUITE-24"""
    hasher = Argon2id(salt=salt, length=32, iterations=passes, lanes=1, memory_cost=memory_kib)
    return hasher.derive(password)
