"""A driver to start a client from: proto/edgewise/conformance/v1/driver.proto over standard streams.

It has its first real piece, the card, and says of everything else that it cannot do it. Write the
next piece, let the command that shows it do it here, and see its cases turn green."""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "python-server" / "generated"))  # by ./run

from edgewise.conformance.v1 import driver_pb2 as driver  # noqa: E402

import card  # noqa: E402


class Client:
    """One person. There is no store yet, so the folder of ClientStart is not used."""

    ready = driver.ClientReady(implementation="python-driver-sample", version="0.1.0")

    def __init__(self, start):
        self.start = start

    # One method a Command, named as it is. What has none is unsupported.

    def info(self, _):
        return driver.Ok(ready=self.ready)

    def reset(self, command):
        self.__init__(command.start)
        return driver.Ok(done=driver.Done())

    def close(self, _):
        return driver.Ok(done=driver.Done())

    def next_event(self, command):
        """Nothing happens to a client that does nothing."""
        time.sleep(command.wait_ms / 1000)
        return driver.Ok(event=driver.Event())

    def accept_invitation(self, command):
        """The card is read; claiming what it invites to comes with links and connections."""
        try:
            card.parse(command.card)
        except card.CardRefused as refusal:
            return driver.Reject(code=driver.REJECT_REASON_CARD, message=str(refusal))
        return driver.Unsupported(message="an invitation is read, and not claimed yet")


def outcome(client, command):
    """What a Command leads to. A fault of the driver is told as one, and ends nothing."""
    kind = command.WhichOneof("kind")
    method = getattr(client, kind or "", None)
    if method is None:
        return driver.Outcome(unsupported=driver.Unsupported(message=f"{kind} is not written yet"))
    try:
        told = method(getattr(command, kind))
    except Exception as fault:
        return driver.Outcome(driver_error=driver.DriverError(message=repr(fault)))
    field = {driver.Ok: "ok", driver.Reject: "reject", driver.Unsupported: "unsupported"}[type(told)]
    return driver.Outcome(**{field: told})


def read(kind):
    """The next message, or None at the end: a u32 with its length, big-endian, then the message."""
    length = sys.stdin.buffer.read(4)
    if len(length) < 4:
        return None
    return kind.FromString(sys.stdin.buffer.read(int.from_bytes(length, "big")))


def write(message):
    encoded = message.SerializeToString()
    sys.stdout.buffer.write(len(encoded).to_bytes(4, "big") + encoded)
    sys.stdout.buffer.flush()


def main():
    start = read(driver.ClientStart)
    if start is None:
        return
    client = Client(start)
    write(client.ready)
    while (command := read(driver.Command)) is not None:
        write(outcome(client, command))
        if command.WhichOneof("kind") == "close":
            return


if __name__ == "__main__":
    main()
