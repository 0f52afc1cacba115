"""A service manager's socket: prints every word with the sender, as one line of JSON. Usage: notify-socket.py PATH

Like systemd it takes a word only while its sender is alive to be looked up, and lets BARRIER=1 go when all before it was read.
"""

import json
import os
import socket
import struct
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
listener.bind(sys.argv[1])
print(json.dumps({"listening": True}), flush=True)
while True:
    data, ancillary, _, _ = listener.recvmsg(4096, socket.CMSG_SPACE(12) + socket.CMSG_SPACE(64))
    sender = 0
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            sender = struct.unpack("3i", content[:12])[0]
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            for (passed,) in struct.iter_unpack("i", content[: len(content) // 4 * 4]):
                os.close(passed)
    known = os.path.exists(f"/proc/{sender}/cgroup")
    print(json.dumps({"words": data.decode().split("\n"), "known": known}), flush=True)
