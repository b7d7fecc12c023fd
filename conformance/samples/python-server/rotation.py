"""Chapter rotation: the life of a connection's keys, and how one hands over to the next."""
from error import need
from suite import SIGNATURE_LEN, acceptable, lp, verifies

KEY_LIFE_HOURS_MAX, KEY_GRACE_HOURS_MAX, CHAIN_MAX = 8784, 720, 3


def u32(number):
    return number.to_bytes(4, "big")


def same(key, other):
    """Keys are compared by vk and version, never by their times."""
    return key.vk == other.vk and key.version == other.version


# A KeyRecord by itself.

def check_key_form(message, field):
    """ROTATION-1: the message has that KeyRecord, and its key is acceptable."""
    need(message.HasField(field) and acceptable(getattr(message, field).vk), "MALFORMED")


def check_key_terms(key):
    """ROTATION-2"""
    need(key.not_before < key.not_after <= key.not_before + KEY_LIFE_HOURS_MAX, "TERMS")
    need(key.grace <= KEY_GRACE_HOURS_MAX, "TERMS")


def life(key, hour):
    if hour < key.not_before:
        return "early"
    if hour < key.not_after:
        return "valid"
    return "in grace" if hour < key.not_after + key.grace else "dead"


def check_life(key, hour, for_change=False):
    """ROTATION-3 to ROTATION-5; a key in grace may still name its successor (ROTATION-13)."""
    state = life(key, hour)
    need(state != "early", "KEY_NOT_YET_VALID")
    need(state == "valid" or (for_change and state == "in grace"), "KEY_EXPIRED")


# A KeyChange by itself.

def check_change_form(change):
    check_key_form(change, "new_key")
    need(acceptable(change.old_vk), "MALFORMED")
    need(len(change.old_signature) == len(change.new_signature) == SIGNATURE_LEN, "MALFORMED")


def check_change_terms(change, version, hour):
    check_key_terms(change.new_key)
    need(change.new_key.version > version, "TERMS")  # ROTATION-8
    need(life(change.new_key, hour) == "valid", "TERMS")  # ROTATION-9


def change_text(change, role, recipient_id):
    """What both keys sign."""
    new = change.new_key
    return (lp(b"rotation/change") + bytes([role]) + recipient_id + change.old_vk + new.vk
            + u32(new.version) + u32(new.not_before) + u32(new.not_after) + u32(new.grace))


def check_change_signed(change, role, recipient_id):
    """ROTATION-6"""
    new, text = change.new_key, change_text(change, role, recipient_id)
    need(verifies(change.old_vk, text, change.old_signature), "BAD_SIGNATURE")
    need(verifies(new.vk, text, change.new_signature), "BAD_SIGNATURE")


# A chain: changes that the server may have missed, oldest first.

def check_chain_form(chain, vk, version):
    """ROTATION-14: not too long, each joins the next, and the last the request's own key."""
    need(len(chain) <= CHAIN_MAX, "MALFORMED")
    for change in chain:
        check_change_form(change)
    for older, newer in zip(chain, chain[1:]):
        need(older.new_key.vk == newer.old_vk, "MALFORMED")
    if chain:
        last = chain[-1].new_key
        need(last.vk == vk and last.version == version, "MALFORMED")


def check_chain_terms(chain, hour):
    """ROTATION-2, ROTATION-8 and ROTATION-9, as far as they need no record."""
    for change in chain:
        check_key_terms(change.new_key)
    for older, newer in zip(chain, chain[1:]):
        need(newer.new_key.version > older.new_key.version, "TERMS")
    if chain:
        need(chain[0].new_key.version > 0, "TERMS")
        need(life(chain[-1].new_key, hour) == "valid", "TERMS")


def check_chain_signed(chain, role, recipient_id):
    for change in chain:
        check_change_signed(change, role, recipient_id)


def missed(key, chain):
    """ROTATION-15: the changes from the one whose old vk is the record's key on."""
    for index, change in enumerate(chain):
        if change.old_vk == key.vk:
            return chain[index:]
    return []


def check_follow(key, changes, hour):
    """Each change is one that its old key may still make now, and that rises above it."""
    for change in changes:
        check_life(key, hour, for_change=True)
        need(change.new_key.version > key.version, "TERMS")  # ROTATION-8
        key = change.new_key
