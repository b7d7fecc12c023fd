"""Chapter connection: what each request does, in the order in which it is judged (ERROR-6).

Everything up to the signatures concerns the request alone; only then is a record looked for."""
import secrets

from google.protobuf.message import DecodeError

import frame
import rotation
from edgewise.v1 import connection_pb2, frame_pb2
from error import Rejected, need
from store import (ADDRESS, CLAIMED, CONTACT, OPEN, RECIPIENT, REPLACED, SENDER, SUSPENDED,
                   Attachment, Record, Subscription)
from suite import D, HASH_LEN, SIGNATURE_LEN, H, acceptable, lp, password_hash, verifies

QUOTAS, IDLE_DAYS, PART_DAYS = (16, 32, 128, 512), (7, 30, 90, 365), (1, 7, 21, 30)
BUNDLE_LEN, ACCESS_LEN, HANDLES_MAX, SUBMISSIONS_MAX = 3584, 32, 65536, 2**63
WINDOW_PARTS_MAX, WINDOW_BYTES_MAX = 64, 1 << 20


class Connections:
    """What the server does for the links: one method a request."""

    def __init__(self, fingerprint, clock, store, limits, password="", connections_max=0):
        self._fingerprint, self._clock, self._store = fingerprint, clock, store
        self._limits, self._most = limits, connections_max
        self._access = None
        if password:  # CONNECTION-11
            self._access = password_hash(password.encode(), fingerprint[:16], 19456, 2)

    def answer(self, link, kind, request):
        """The Result of one request. One that is refused has changed nothing (ERROR-1)."""
        try:
            answer = getattr(self, "_" + kind)(link, request)
        except Rejected as refusal:
            return frame_pb2.Result(reject=refusal.reject)
        return answer or frame_pb2.Result(done=frame_pb2.Done())

    def forget(self, link):
        """The end of a link is the end of its attachments (LINK-37)."""
        for attachment in list(link.attachments.values()):
            self._store.forget(attachment)

    def _hour(self):
        return int(self._clock.now()) // 3600

    def _sender_id(self, claim_vk):
        """CONNECTION-2"""
        return H(lp(b"connection/sender-id"), self._fingerprint, claim_vk)

    # Create

    def _create(self, link, create):
        try:
            body = connection_pb2.CreateBody.FromString(create.body)
        except DecodeError:
            raise Rejected("MALFORMED") from None
        key, opening = body.recipient_key, body.state == OPEN
        self._check_create_form(create, body, opening)
        need(not opening or link.link_class == frame.MEDIUM, "WRONG_LINK_CLASS")  # CONNECTION-7
        self._check_create_terms(create, body, opening)
        text = lp(b"connection/create") + link.transcript + create.body
        need(verifies(key.vk, text, create.recipient_signature), "BAD_SIGNATURE")  # CONNECTION-3
        need(not opening or verifies(body.claim_vk, text, create.claim_signature),
             "BAD_SIGNATURE")  # CONNECTION-4
        rotation.check_chain_signed(create.chain, RECIPIENT, body.recipient_id)
        if self._access:
            proof = D(self._access, b"connection/access", link.transcript)
            need(secrets.compare_digest(create.access, proof), "ACCESS_DENIED")  # CONNECTION-11
        record = self._store.records.get(body.recipient_id)
        if record:
            self._follow(record, RECIPIENT, key, create.chain)  # CONNECTION-10
            if body.kind == record.kind == ADDRESS:
                record.bundle = body.bundle  # CONNECTION-74
            record.active = self._clock.now()
        else:
            record = self._make(body)
        return frame_pb2.Result(created=connection_pb2.Created(state=record.state))

    def _check_create_form(self, create, body, opening):
        """CONNECTION-5, CONNECTION-70"""
        need(len(body.recipient_id) == HASH_LEN and acceptable(body.claim_vk), "MALFORMED")
        rotation.check_key_form(body, "recipient_key")
        key = body.recipient_key
        if key.version == 0:  # CONNECTION-1
            recipient_id = H(lp(b"connection/recipient-id"), self._fingerprint, key.vk)
            need(body.recipient_id == recipient_id, "MALFORMED")
        need(len(body.bundle) == (BUNDLE_LEN if opening else 0), "MALFORMED")
        need(body.HasField("sender_key") != opening, "MALFORMED")
        if not opening:
            rotation.check_key_form(body, "sender_key")
        need(len(create.recipient_signature) == SIGNATURE_LEN, "MALFORMED")
        lengths = (SIGNATURE_LEN,) if opening else (SIGNATURE_LEN, 0)
        need(len(create.claim_signature) in lengths, "MALFORMED")
        need(not self._access or len(create.access) in (0, ACCESS_LEN), "MALFORMED")
        rotation.check_chain_form(create.chain, key.vk, key.version)

    def _check_create_terms(self, create, body, opening):
        """CONNECTION-6: the closed lists, and the limits that the server describes."""
        limits = self._limits
        need(body.state in (OPEN, CLAIMED, SUSPENDED), "TERMS")
        need(body.kind in (CONTACT, ADDRESS) and body.link_class in frame.LENGTH, "TERMS")
        if body.kind == ADDRESS:  # CONNECTION-72
            need(opening and body.link_class == frame.MEDIUM, "TERMS")
        need(body.quota in QUOTAS and body.quota <= limits.quota_max, "TERMS")
        need(body.idle_days in IDLE_DAYS and body.idle_days <= limits.idle_days_max, "TERMS")
        need(body.part_days in PART_DAYS and body.part_days <= limits.part_days_max, "TERMS")
        rotation.check_key_terms(body.recipient_key)
        if not opening:
            rotation.check_key_terms(body.sender_key)
        rotation.check_chain_terms(create.chain, self._hour())

    def _make(self, body):
        store, sender_id = self._store, self._sender_id(body.claim_vk)
        need(sender_id not in store.senders, "REFUSED")  # CONNECTION-10
        need(not store.was_deleted(body.recipient_id), "REFUSED")  # CONNECTION-12
        rotation.check_life(body.recipient_key, self._hour())
        need(not self._most or store.count() < self._most, "FULL")  # CONNECTION-13
        record = Record(body, sender_id, self._clock.now())
        store.add(record)
        return record

    def _follow(self, record, role, key, chain):
        """ROTATION-15: the chain leads the record's key to the request's, or nothing is changed."""
        present = record.keys[role]
        changes = rotation.missed(present, chain)
        last = changes[-1].new_key if changes else present
        need(rotation.same(last, key), "REFUSED")
        rotation.check_follow(present, changes, self._hour())
        rotation.check_life(last, self._hour())
        if changes:
            self._store.take_key(record, role, last)

    # Claim, Deposit

    def _claim(self, link, claim):
        key = claim.sender_key
        need(acceptable(claim.claim_vk), "MALFORMED")
        rotation.check_key_form(claim, "sender_key")
        need(len(claim.claim_signature) == len(claim.sender_signature) == SIGNATURE_LEN,
             "MALFORMED")
        need(link.link_class == frame.MEDIUM, "WRONG_LINK_CLASS")  # CONNECTION-14
        rotation.check_key_terms(key)
        need(key.version == 0, "TERMS")  # CONNECTION-21
        sender_id = self._sender_id(claim.claim_vk)
        text = lp(b"connection/claim") + bytes([SENDER]) + link.transcript + sender_id + key.vk
        need(verifies(claim.claim_vk, text, claim.claim_signature)
             and verifies(key.vk, text, claim.sender_signature), "BAD_SIGNATURE")  # CONNECTION-15
        record = self._store.senders.get(sender_id)
        need(record, "REFUSED")  # CONNECTION-16
        claimed = record.keys.get(SENDER)
        mine = claimed is None or rotation.same(claimed, key)
        need(mine or not record.sent, "REFUSED")  # CONNECTION-20
        rotation.check_life(claimed if claimed and mine else key, self._hour())
        answer = connection_pb2.Claimed(bundle=record.bundle, link_class=record.link_class)
        if record.kind == ADDRESS:  # CONNECTION-73: all may read, and nobody becomes the sender
            return frame_pb2.Result(claimed=answer)
        if not mine:  # CONNECTION-19
            if not record.conflict:
                record.conflict = True
                record.changed()
            raise Rejected("CONFLICT")
        if claimed is None:  # CONNECTION-17
            record.state, record.keys[SENDER] = CLAIMED, key
            record.changed()
        answer.recipient_id = record.id
        return frame_pb2.Result(claimed=answer)

    def _deposit(self, link, deposit):
        need(acceptable(deposit.claim_vk), "MALFORMED")
        need(len(deposit.signature) == SIGNATURE_LEN, "MALFORMED")
        need(len(deposit.part) == frame.part_len(frame.MEDIUM), "MALFORMED")  # CONNECTION-75
        need(link.link_class == frame.MEDIUM, "WRONG_LINK_CLASS")  # CONNECTION-76
        text = lp(b"connection/deposit") + link.transcript + deposit.part
        need(verifies(deposit.claim_vk, text, deposit.signature), "BAD_SIGNATURE")  # CONNECTION-77
        record = self._store.senders.get(self._sender_id(deposit.claim_vk))
        need(record and record.kind == ADDRESS, "REFUSED")  # CONNECTION-78
        if all(deposit.part != part for _, _, part in record.parts):  # CONNECTION-79
            need(record.has_room(), "QUOTA")  # CONNECTION-80
            record.keep(deposit.part, self._clock.now())  # CONNECTION-81

    # Attach, Detach, Rotate

    def _attach(self, link, attach):
        handle, submission = attach.handle, getattr(attach, "from")
        need(attach.role in (RECIPIENT, SENDER), "MALFORMED")  # CONNECTION-70
        need(len(attach.recipient_id) == HASH_LEN and acceptable(attach.vk), "MALFORMED")
        need(len(attach.signature) == SIGNATURE_LEN and submission < SUBMISSIONS_MAX, "MALFORMED")
        rotation.check_chain_form(attach.chain, attach.vk, attach.version)
        fits = handle <= link.handles_used or handle >= HANDLES_MAX
        need(handle not in link.attachments and fits, "HANDLE_TAKEN")  # CONNECTION-22
        if handle < HANDLES_MAX:
            link.handles_used = max(link.handles_used, handle + 1)
        rotation.check_chain_terms(attach.chain, self._hour())
        text = (lp(b"connection/attach") + link.transcript + bytes([attach.role])
                + attach.recipient_id + rotation.u32(attach.version))
        need(verifies(attach.vk, text, attach.signature), "BAD_SIGNATURE")  # CONNECTION-24
        rotation.check_chain_signed(attach.chain, attach.role, attach.recipient_id)
        need(handle < HANDLES_MAX, "FULL")  # CONNECTION-23
        record = self._store.records.get(attach.recipient_id)
        need(record and record.link_class == link.link_class and attach.role in record.keys,
             "REFUSED")  # CONNECTION-25
        self._follow(record, attach.role, attach, attach.chain)
        link.attachments[handle] = Attachment(link, handle, attach.role, record)
        answer = connection_pb2.Attached(incarnation=record.incarnation)  # CONNECTION-28
        if attach.role == SENDER:
            record.next_submission = max(record.next_submission, submission)  # CONNECTION-27
            answer.next = record.next_submission
        else:
            record.active = self._clock.now()
            answer.state = record.state
        return frame_pb2.Result(attached=answer)

    def _attached(self, link, handle, role):
        """CONNECTION-29"""
        attachment = link.attachments.get(handle)
        need(attachment and attachment.role == role, "NOT_ATTACHED")
        return attachment

    def _present(self, attachment, for_change=False):
        """The attachment's record, if it is still the one attached to (CONNECTION-26)."""
        record = self._store.records.get(attachment.record_id)
        need(record and record.incarnation == attachment.incarnation, "REFUSED")
        key = record.keys[attachment.role]
        need(key.version == attachment.key.version, "REFUSED")
        rotation.check_life(key, self._hour(), for_change)
        return record

    def _detach(self, link, detach):
        """CONNECTION-30"""
        need(detach.handle in link.attachments, "NOT_ATTACHED")
        self._store.forget(link.attachments[detach.handle])

    def _rotate(self, link, rotate):
        change, new = rotate.change, rotate.change.new_key
        need(rotate.HasField("change"), "MALFORMED")
        rotation.check_change_form(change)
        attachment = link.attachments.get(rotate.handle)
        need(attachment, "NOT_ATTACHED")
        again = rotation.same(new, attachment.key)
        if not again:
            rotation.check_change_terms(change, attachment.key.version, self._hour())
        rotation.check_change_signed(change, attachment.role, attachment.record_id)
        record = self._present(attachment, for_change=True)
        if not again:  # ROTATION-10
            need(change.old_vk == attachment.key.vk, "REFUSED")  # ROTATION-7
            self._store.take_key(record, attachment.role, new)  # ROTATION-11, ROTATION-12

    # Send

    def _send(self, link, send):
        need(len(send.part) == frame.part_len(link.link_class), "MALFORMED")  # CONNECTION-31
        attachment = self._attached(link, send.handle, SENDER)
        record = self._present(attachment)
        if send.submission < record.next_submission:
            return  # CONNECTION-32
        need(send.submission == record.next_submission, "GAP", record.next_submission)
        if not record.has_room():  # CONNECTION-35, CONNECTION-36
            record.wait(attachment)
            raise Rejected("QUOTA")
        record.next_submission += 1
        record.sent, record.bundle = True, b""  # CONNECTION-39
        record.keep(send.part, self._clock.now())

    # Subscribe, Acknowledge

    def _subscribe(self, link, subscribe):
        parts, size = subscribe.window_parts, subscribe.window_bytes
        attachment = self._attached(link, subscribe.handle, RECIPIENT)
        need(1 <= parts <= WINDOW_PARTS_MAX and 1 <= size <= WINDOW_BYTES_MAX, "TERMS")
        record = self._present(attachment)
        before = record.subscription
        other = before and before.attachment is not attachment
        self._store.end_subscription(record, REPLACED if other else None)  # CONNECTION-47
        record.subscription = Subscription(attachment, record, parts, size)
        attachment.subscription = record.subscription
        record.active = self._clock.now()
        return frame_pb2.Result(subscribed=connection_pb2.Subscribed(notice=record.notice()))

    def subscribed(self, link, subscribe):
        """Once the answer is due, parts may follow it (CONNECTION-41)."""
        attachment = link.attachments.get(subscribe.handle)
        if attachment and attachment.subscription:
            attachment.subscription.offer()

    def acknowledge(self, link, acknowledge):
        """Never answered (FRAME-18), and without effect where it does not fit (CONNECTION-46)."""
        attachment = link.attachments.get(acknowledge.handle)
        subscription = attachment and attachment.subscription
        if not subscription:
            return
        record = subscription.record
        if rotation.life(record.keys[RECIPIENT], self._hour()) != "valid":
            return
        record.active = self._clock.now()
        through, held = min(acknowledge.through, subscription.through), len(record.parts)
        while record.parts and record.parts[0][0] <= through:
            record.parts.popleft()  # CONNECTION-45
        subscription.release(through)
        if len(record.parts) < held:
            self._store.make_room(record)

    # Suspend, Resume, Delete

    def _set_state(self, link, request, state):
        record = self._present(self._attached(link, request.handle, RECIPIENT))
        need(record.state != OPEN, "WRONG_STATE")  # CONNECTION-51
        if record.state != state:  # CONNECTION-50
            record.state = state
            record.changed()
            self._store.make_room(record)

    def _suspend(self, link, suspend):
        self._set_state(link, suspend, SUSPENDED)

    def _resume(self, link, resume):
        self._set_state(link, resume, CLAIMED)

    def _delete(self, link, delete):
        record = self._present(self._attached(link, delete.handle, RECIPIENT))
        self._store.delete(record)
