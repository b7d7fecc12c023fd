"""The least that gives a green case: Describe, refusing what is not 1,024 zeros."""
import sys
from concurrent import futures

sys.path.insert(0, "generated")
import grpc
from edgewise.conformance.v1 import control_pb2
from edgewise.v1 import link_pb2, service_pb2_grpc


class Service(service_pb2_grpc.LinkServiceServicer):
    def Describe(self, request, context):
        if request.block != bytes(1024):
            context.set_code(grpc.StatusCode.INVALID_ARGUMENT)  # LINK-7
        return link_pb2.DescribeResponse()  # LINK-6 comes next


length = int.from_bytes(sys.stdin.buffer.read(4), "big")
start = control_pb2.ServerStart.FromString(sys.stdin.buffer.read(length))
server = grpc.server(futures.ThreadPoolExecutor(4))
service_pb2_grpc.add_LinkServiceServicer_to_server(Service(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
ready = control_pb2.ServerReady(
    address=f"edgewise://{'A' * 43}@127.0.0.1:{port}?tls=off", implementation="first")
ready = ready.SerializeToString()
sys.stdout.buffer.write(len(ready).to_bytes(4, "big") + ready)
sys.stdout.buffer.flush()
sys.stdin.buffer.read()  # closed when the suite is done
server.stop(0)
