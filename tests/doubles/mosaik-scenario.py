"""Runs our simulators in a real mosaik: mosaik-scenario.py SCENARIO, a JSON file.

{"command": what starts `fogline serve`, before the name of the simulator,
 "simulators": {sid: {"simulator", "params", "model", "create", "mode": cmd | connect, "port"}},
 "connections": [[sid, sid, [[from, to], ...], factor or null]], "until"}

Every output goes to a collector, too: {"collect": {sid: [attr, ...]}}. Prints what it saw as one JSON line: [[time, inputs], ...].
"""
import json
import subprocess
import sys

import mosaik
import mosaik_api_v3

SEEN = []


class Collector(mosaik_api_v3.Simulator):
    def __init__(self):
        super().__init__({"type": "event-based", "models": {"C": {"public": True, "params": [], "attrs": [], "any_inputs": True}}})

    def init(self, sid, time_resolution=1.0):
        return self.meta

    def create(self, num, model):
        return [{"eid": "c", "type": model}]

    def step(self, time, inputs, max_advance):
        SEEN.append([time, inputs])

    def get_data(self, outputs):
        return {}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        scenario = json.load(file)
    config = {"Collector": {"python": "__main__:Collector"}}
    waiting = []
    for sid, entry in scenario["simulators"].items():
        command = f"{scenario['command']} {entry['simulator']}"
        if entry.get("mode") == "connect":
            address = f"127.0.0.1:{entry['port']}"
            waiting.append(subprocess.Popen(f"exec {command} --remote --log-level info {address}", shell=True, stderr=subprocess.PIPE, text=True))
            for line in waiting[-1].stderr:
                if "waiting for mosaik" in line:
                    break
            config[sid] = {"connect": address}
        else:
            config[sid] = {"cmd": f"{command} %(addr)s"}
    with mosaik.World(config, skip_greetings=True, configure_logging=False) as world:
        collector = world.start("Collector", sim_id="Collector")
        sink = collector.C()
        entities = {}
        for sid, entry in scenario["simulators"].items():
            simulator = world.start(sid, sim_id=sid, **entry.get("params", {}))
            entities[sid] = getattr(simulator, entry["model"])(**entry.get("create", {}))
        for source, dest, pairs, factor in scenario["connections"]:
            transform = {} if factor is None else {"transform": lambda value, by=factor: value * by}
            world.connect(entities[source], entities[dest], *[tuple(pair) for pair in pairs], **transform)
        for sid, attrs in scenario["collect"].items():
            world.connect(entities[sid], sink, *attrs)
        world.run(until=scenario["until"], print_progress=False)
    for process in waiting:
        process.wait(20)
    print(json.dumps({"seen": SEEN, "ended": [process.returncode for process in waiting]}))


if __name__ == "__main__":
    main()
