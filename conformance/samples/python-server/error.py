"""Chapter error: how a request is refused."""
from edgewise.v1 import error_pb2


class Rejected(Exception):
    """The request is refused with a code of the chapter's table; `next` goes with GAP (ERROR-3)."""

    def __init__(self, code, next=0):
        super().__init__(code)
        number = error_pb2.RejectCode.Value("REJECT_CODE_" + code)
        self.reject = error_pb2.Reject(code=number, next=next)


def need(condition, code, next=0):
    """Refuse unless it holds. The order of these calls in a request is the table's (ERROR-6)."""
    if not condition:
        raise Rejected(code, next)


def goodbye(code):
    return error_pb2.Goodbye(code=error_pb2.GoodbyeCode.Value("GOODBYE_CODE_" + code))
