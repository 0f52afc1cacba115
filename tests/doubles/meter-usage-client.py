"""A client as somebody writes it against the earlier consumption server: code made of that server's definition alone, plaintext, an
empty request, every row taken. Prints the rows as JSON, null for NaN. Argument: the port."""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc

DEFINITION = """
syntax = "proto3";
package meterusage;
service MeterUsage {
  rpc ReadData(ReadRequest) returns (stream MeterData) {}
}
message ReadRequest {}
message MeterData {
  int64 timestamp = 1;
  double value = 2;
}
"""

with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "meterusage.proto").write_text(DEFINITION)
    made = [f"--python_out={folder}", f"--grpc_python_out={folder}", f"-I{folder}", "meterusage.proto"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *made], check=True)
    sys.path.insert(0, folder)
    import meterusage_pb2
    import meterusage_pb2_grpc

with grpc.insecure_channel(f"localhost:{sys.argv[1]}") as channel:
    stub = meterusage_pb2_grpc.MeterUsageStub(channel)
    rows = [(row.timestamp, row.value) for row in stub.ReadData(meterusage_pb2.ReadRequest(), timeout=60)]
print(json.dumps([[timestamp, None if math.isnan(value) else value] for timestamp, value in rows]))
