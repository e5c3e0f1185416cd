"""How long method REGRESSOR's search takes: one large cluster, 64 nodes of mixed types, many small clusters. Prints.

    python tests/performance/benchmark_speed.py [--clusters N] [--profile]

The 1,000 clusters of the requirement go through as many worker processes as the service starts; here they go one after
the other, and the time of the fan-out is that time over the number of workers.
"""

import argparse
import cProfile
import pstats
import random
import time

from budsim.commons.catalogs import hardware_catalog
from budsim.model_ops.services import default_library
from budsim.perf_model.workload import SloTargets, Workload
from budsim.simulator.predictors import make_predictor
from budsim.simulator.simulation import plan_tasks, search_group
from budsim.simulator.simulation_request import SimulationRequest
from budsim.simulator.topology import parse_clusters

KINDS = (
    ("NVIDIA-H100-80GB-HBM3", 79.6, "cuda"),
    ("NVIDIA-A100-SXM4-80GB", 80, "cuda"),
    ("NVIDIA-L40S", 45, "cuda"),
    ("AMD-Instinct-MI300X-OAM", 192, "rocm"),
    ("NVIDIA-H200", 141, "cuda"),
    ("NVIDIA-L4", 23, "cuda"),
)
MODEL = "meta-llama/Llama-3.1-70B-Instruct"


def node(name, kind, count=8):
    device, memory_gb, device_type = kind
    entry = {"type": device_type, "name": device, "raw_name": device, "mem_per_GPU_in_GB": memory_gb}
    return {
        "id": name,
        "name": name,
        "status": True,
        "devices": [{**entry, "total_count": count, "available_count": count}],
    }


def one_kind(nodes=8):
    return {"id": "one-kind", "nodes": [node(f"n{index}", KINDS[0]) for index in range(nodes)]}


def mixed(nodes=64):
    return {"id": "mixed", "nodes": [node(f"n{index}", KINDS[index % 4]) for index in range(nodes)]}


def small(number):
    rng = random.Random(number)  # noqa: S311 - a benchmark's draws
    kind = rng.choice(KINDS)
    nodes = [node(f"c{number}-{index}", kind, rng.randint(1, 8)) for index in range(rng.randint(1, 4))]
    return {"id": f"c{number}", "nodes": nodes}


def search_all(documents, concurrency, model=MODEL, method="regressor"):
    """Seconds, searches and predictor calls; every search has a predictor of its own, as in a worker."""
    load = Workload(1024, 512, concurrency=concurrency)
    asked = SimulationRequest(model, load, SloTargets(ttft_ms=2000, throughput_per_user_tps=15, e2e_latency_s=40))
    started = time.perf_counter()
    clusters, _ = parse_clusters(documents)
    arch = default_library().resolve(model)
    plan = plan_tasks(asked, clusters, arch=arch, catalog=hardware_catalog())
    found = [search_group(task, predictor=make_predictor(method), method=method) for task in plan.tasks]
    return time.perf_counter() - started, len(found), sum(group.num_evaluated for group in found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clusters", type=int, default=50)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    search_all([one_kind(1)], 4)
    profile = cProfile.Profile()
    for name, documents, concurrency in (
        ("8 nodes x 8 H100", [one_kind()], 100),
        ("64 nodes of 4 types", [mixed()], 500),
        ("10,000 H100", [one_kind(1250)], 1000),
        (f"{asked.clusters} clusters of 1-4 nodes", [small(number) for number in range(asked.clusters)], 50),
    ):
        started = time.process_time()
        if asked.profile:
            profile.enable()
        seconds, searches, calls = search_all(documents, concurrency)
        profile.disable()
        cpu = time.process_time() - started
        print(
            f"{name}: {seconds:.2f} s ({cpu:.2f} s of one core), {searches} searches, {calls} predictor calls",
            flush=True,
        )
    if asked.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
