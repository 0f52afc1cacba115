"""A simulator on a bare socket that does what $SCRIPT says and notes what it is told: wire-peer.py HOST:PORT NOTES

SCRIPT: out     values of x as JSON, one a step
        more    put behind them into the answer of get_data
        next    what step answers as JSON; one later otherwise
        raise, exit, asks, delaySeconds, finalizeSeconds, ignoreSigterm
"""
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback

print("pid", os.getpid(), flush=True)
script = json.loads(os.environ["SCRIPT"])
if "ignoreSigterm" in script:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
notes = open(sys.argv[2], "a", encoding="utf-8")
host, port = sys.argv[1].split(":")
peer = socket.create_connection((host, int(port)))


def note(text):
    notes.write(text + "\n")
    notes.flush()


def read(count):
    data = b""
    while len(data) < count:
        chunk = peer.recv(count - len(data))
        if not chunk:
            sys.exit(0)
        data += chunk
    return data


def receive():
    return json.loads(read(struct.unpack(">I", read(4))[0]))


def send(text):
    body = text.encode()
    peer.sendall(struct.pack(">I", len(body)) + body)


def step(number, tick, inputs, max_advance):
    note(f"step {tick} {json.dumps(inputs)} {max_advance}")
    if "exit" in script:
        print("out of fuel", file=sys.stderr, flush=True)
        sys.exit(script["exit"])
    if "raise" in script:
        raise ValueError(script["raise"])
    time.sleep(script.get("delaySeconds", 0))
    if select.select([peer], [], [], 0)[0]:
        note("more waiting")
    return script.get("next", str(tick + 1))


pending = []
number = -1
while True:
    kind, id, content = pending.pop(0) if pending else receive()
    call, args, named = content
    answer = "null"
    try:
        if call == "init":
            note(" ".join(["init", *args, *(f"{key}={value}" for key, value in named.items())]))
            answer = json.dumps({"api_version": "3.0", "type": "time-based", "models": {"M": {"params": [], "attrs": ["x"]}}})
        elif call == "create":
            note(f"create {args[0]} {args[1]}")
            answer = json.dumps([{"eid": "e", "type": "M"}])
        elif call == "setup_done":
            note(call)
        elif call == "step":
            number += 1
            answer = step(number, *args)
            if script.get("asks") == number:
                send(json.dumps([0, 5, ["get_progress", [], {}]]))
                reply = receive()
                while reply[0] == 0:
                    pending.append(reply)
                    reply = receive()
                note(f"progress {reply[2]}")
        elif call == "get_data":
            note(call)
            answer = '{"e": {"x": %s}%s}' % (script["out"][number], script.get("more", ""))
        elif call == "stop":
            note(call)
            time.sleep(script.get("finalizeSeconds", 0))
            note("finished")
            sys.exit(0)
        send(f"[1, {id}, {answer}]")
    except Exception as error:
        send(json.dumps([2, id, [type(error).__name__, str(error), traceback.format_exc()]]))
