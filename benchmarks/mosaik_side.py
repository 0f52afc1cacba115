"""mosaik's side of benchmarks/cosim.ts.

  mosaik_side.py '{"sources": 50, "entities": 1, "until": 60, "remote": false}'   runs the scenario, prints its speed as JSON
  mosaik_side.py --sim Source|Sink HOST:PORT                                      is one of its simulators, for both sides
"""
import json
import sys
import time

import mosaik_api_v3


def meta():
    model = {"public": True, "params": [], "attrs": ["p", "q"]}
    return {"api_version": "3.0", "type": "time-based", "models": {"M": model}}


class Source(mosaik_api_v3.Simulator):
    def __init__(self):
        super().__init__(meta())
        self.count = 0
        self.tick = 0

    def init(self, sid, time_resolution=1.0):
        return self.meta

    def create(self, num, model):
        first, self.count = self.count, self.count + num
        return [{"eid": f"e{i}", "type": model} for i in range(first, self.count)]

    def step(self, time, inputs, max_advance):
        self.tick = time
        return time + 1

    def get_data(self, outputs):
        return {eid: {"p": self.tick, "q": self.tick * 0.5} for eid in outputs}


class Sink(mosaik_api_v3.Simulator):
    def __init__(self):
        super().__init__(meta())
        self.sum = 0

    def init(self, sid, time_resolution=1.0):
        return self.meta

    def create(self, num, model):
        return [{"eid": "s", "type": model}]

    def step(self, time, inputs, max_advance):
        self.sum += sum(inputs.get("s", {}).get("p", {}).values())
        return time + 1

    def get_data(self, outputs):
        return {}


def run(sources, entities, until, remote):
    import mosaik
    from loguru import logger

    logger.remove()
    config = {name: {"python": f"__main__:{name}"} for name in ("Source", "Sink")}
    if remote:
        config = {name: {"cmd": f"%(python)s {__file__} --sim {name} %(addr)s"} for name in ("Source", "Sink")}
    world = mosaik.World(config, skip_greetings=True)
    sink = world.start("Sink").M.create(1)[0]
    for _ in range(sources):
        for entity in world.start("Source").M.create(entities):
            world.connect(entity, sink, "p", "q")
    cpu, wall = time.process_time(), time.perf_counter()
    world.run(until=until, print_progress=False)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"ticksPerCpuSecond": until / cpu, "ticksPerSecond": until / wall}))


if __name__ == "__main__":
    if sys.argv[1] == "--sim":
        name = sys.argv.pop(2)
        sys.argv.pop(1)
        mosaik_api_v3.start_simulation({"Source": Source, "Sink": Sink}[name]())
    else:
        run(**json.loads(sys.argv[1]))
