"""Chapter connection, what a server keeps: records in memory, attachments, subscriptions, time."""
import secrets
from collections import deque

from edgewise.v1 import connection_pb2, frame_pb2

LINK_WINDOW_BYTES, WAITERS_MAX, SPACE_BATCH_MS, DAY = 1 << 20, 16, 5000, 86400
OPEN, CLAIMED = connection_pb2.STATE_OPEN, connection_pb2.STATE_CLAIMED
SUSPENDED = connection_pb2.STATE_SUSPENDED
CONTACT, ADDRESS = connection_pb2.KIND_CONTACT, connection_pb2.KIND_ADDRESS
RECIPIENT, SENDER = connection_pb2.ROLE_RECIPIENT, connection_pb2.ROLE_SENDER
REPLACED, STALE = connection_pb2.END_REASON_REPLACED, connection_pb2.END_REASON_STALE


class Record:
    """A connection, made of the body of its Create (CONNECTION-8)."""

    def __init__(self, body, sender_id, now):
        self.id, self.sender_id = body.recipient_id, sender_id
        self.keys = {RECIPIENT: body.recipient_key}
        if body.HasField("sender_key"):
            self.keys[SENDER] = body.sender_key
        self.state, self.kind, self.link_class = body.state, body.kind, body.link_class
        self.quota, self.idle_days, self.part_days = body.quota, body.idle_days, body.part_days
        self.bundle, self.conflict = body.bundle, False
        self.sent = False  # whether a Send was accepted
        self.next_submission, self.next_sequence = 0, 1
        self.parts = deque()  # (sequence, second it was accepted in, part), oldest first
        self.incarnation = secrets.randbits(64)
        self.active = now  # when its recipient last was
        self.subscription = None
        self.waiters = []  # attachments that were refused with QUOTA, the latest last

    def has_room(self):
        return self.state != SUSPENDED and len(self.parts) < self.quota

    def keep(self, part, now):
        """CONNECTION-34, CONNECTION-81: under the next sequence."""
        self.parts.append((self.next_sequence, now, part))
        self.next_sequence += 1
        if self.subscription:
            self.subscription.offer()

    def wait(self, attachment):
        """CONNECTION-37: one Space an attachment, and WAITERS_MAX of them."""
        if attachment.space_at is None:
            self.waiters = [a for a in self.waiters if a is not attachment][1 - WAITERS_MAX:]
            self.waiters.append(attachment)

    def notice(self, handle=0):
        return connection_pb2.Notice(handle=handle, state=self.state, conflict=self.conflict,
                                     sender_key=self.keys.get(SENDER))

    def changed(self):
        if self.subscription:
            self.subscription.announce()


class Attachment:
    """A handle of one link: a role, and the record's incarnation and key of its moment."""

    def __init__(self, link, handle, role, record):
        self.link, self.handle, self.role = link, handle, role
        self.record_id, self.incarnation = record.id, record.incarnation
        self.key = record.keys[role]
        self.subscription = None
        self.space_at = None  # when a Space is due, in ms of the clock


class Subscription:
    """An attachment of the recipient to which parts are delivered.

    It has at most one part due on its link: parts stay in the record until a block has room."""

    def __init__(self, attachment, record, window_parts, window_bytes):
        self.attachment, self.link, self.record = attachment, attachment.link, record
        self.window_parts, self.window_bytes = window_parts, window_bytes
        self.through = record.parts[0][0] - 1 if record.parts else record.next_sequence - 1
        self.delivered = deque()  # (sequence, bytes) of what is not acknowledged
        self.used = 0  # their bytes
        self.planned = None  # the sequence of the part that is due on the link
        self.notice_due = False

    def _next(self):
        """The part that may be delivered now, or None."""
        parts = self.record.parts
        if not parts or parts[-1][0] <= self.through or self.attachment.subscription is not self:
            return None
        sequence, _, part = parts[max(0, self.through + 1 - parts[0][0])]  # CONNECTION-42
        full = len(self.delivered) >= self.window_parts or self.used + len(part) > self.window_bytes
        if self.delivered and full:  # CONNECTION-44
            return None
        if self.link.window_used and self.link.window_used + len(part) > LINK_WINDOW_BYTES:
            return None  # LINK-33
        return sequence, part

    def offer(self):
        """The next part, now that it may have become due (LINK-51)."""
        due = self._next() if self.planned is None else None
        if due:
            self.planned = due[0]
            self.link.due.append(self._deliver)
            self.link.wake()

    def _deliver(self, add):
        """The part's turn has come: whether the block has taken it, or it is not due any more."""
        due, planned = self._next(), self.planned
        if due and due[0] == planned:
            sequence, part = due
            item = connection_pb2.Deliver(
                handle=self.attachment.handle, sequence=sequence, part=part)
            if not add(frame_pb2.Item(deliver=item)):
                return False
            self.through = sequence
            self.delivered.append((sequence, len(part)))
            self.used += len(part)
            self.link.window_used += len(part)
        self.planned = None
        self.offer()
        return True

    def announce(self):
        """CONNECTION-48: several changes may be told by one Notice."""
        if not self.notice_due:
            self.notice_due = True
            self.link.due.append(self._tell)
            self.link.wake()

    def _tell(self, add):
        notice = self.record.notice(self.attachment.handle)
        if self.attachment.subscription is self and not add(frame_pb2.Item(notice=notice)):
            return False
        self.notice_due = False
        return True

    def release(self, through):
        """Give back the windows of what is acknowledged up to there."""
        while self.delivered and self.delivered[0][0] <= through:
            _, length = self.delivered.popleft()
            self.used -= length
            self.link.window_used -= length
        for attachment in self.link.attachments.values():
            if attachment.subscription:
                attachment.subscription.offer()


class Store:
    """All records. What it loses in a restart: everything."""

    def __init__(self, clock, link_life_seconds):
        self.clock, self._remember = clock, link_life_seconds
        self.lose()

    def lose(self):
        self.records, self.senders = {}, {}  # by recipient id, by sender id
        self._deleted = {}  # recipient id -> when it was deleted
        self._spaces = set()  # attachments with a Space on its way

    def add(self, record):
        self.records[record.id] = self.senders[record.sender_id] = record

    def count(self):
        """CONNECTION-13"""
        return len(self.records) + len(self._deleted)

    def was_deleted(self, recipient_id):
        """CONNECTION-12"""
        return self.clock.now() < self._deleted.get(recipient_id, -1) + self._remember

    def delete(self, record):
        """CONNECTION-53"""
        self._drop(record)
        self._deleted[record.id] = self.clock.now()

    def _drop(self, record):
        self.end_subscription(record, STALE)  # CONNECTION-49
        del self.records[record.id], self.senders[record.sender_id]

    def end_subscription(self, record, reason=None):
        """With a reason, the attachment is told; it stays attached either way."""
        subscription, record.subscription = record.subscription, None
        if subscription is None:
            return
        attachment = subscription.attachment
        attachment.subscription = None
        if reason:
            ended = connection_pb2.Ended(handle=attachment.handle, reason=reason)
            attachment.link.put(frame_pb2.Item(ended=ended))
        subscription.release(subscription.through)

    def take_key(self, record, role, key):
        """The record gets another key: what was attached under the one before is stale."""
        record.keys[role] = key
        if role == RECIPIENT:
            self.end_subscription(record, STALE)  # CONNECTION-49
        else:
            record.waiters = []  # CONNECTION-71
            record.changed()

    def make_room(self, record):
        """CONNECTION-37, CONNECTION-38: later than now, so that nobody sees the moment."""
        if not record.has_room():
            return
        batch = int(self.clock.now() * 1000) // SPACE_BATCH_MS + 1
        for attachment in record.waiters:
            attachment.space_at = batch * SPACE_BATCH_MS
            self._spaces.add(attachment)
        record.waiters = []

    def forget(self, attachment):
        """The end of an attachment: its subscription, its waiting, its Space."""
        del attachment.link.attachments[attachment.handle]
        self._spaces.discard(attachment)
        record = self.records.get(attachment.record_id)
        if record is None:
            return
        if attachment in record.waiters:
            record.waiters.remove(attachment)
        if attachment.subscription:
            self.end_subscription(record)

    def tick(self):
        """Send the Spaces that are due."""
        now = self.clock.now() * 1000
        for attachment in [a for a in self._spaces if now >= a.space_at]:
            self._spaces.discard(attachment)
            attachment.space_at = None
            space = connection_pb2.Space(handle=attachment.handle)
            attachment.link.put(frame_pb2.Item(space=space))

    def sweep(self):
        """What is over by time."""
        now = self.clock.now()
        for record in list(self.records.values()):
            if now >= record.active + record.idle_days * DAY:
                self._drop(record)  # CONNECTION-55
                continue
            held = len(record.parts)
            while record.parts and now >= record.parts[0][1] + record.part_days * DAY:
                record.parts.popleft()  # CONNECTION-54
            if len(record.parts) < held:
                self.make_room(record)
        for recipient_id in [i for i in self._deleted if not self.was_deleted(i)]:
            del self._deleted[recipient_id]
