"""How long a simulation takes: 8 nodes x 8 GPUs of two kinds, real catalogue, real predictor. Prints, asserts nothing.

    python tests/performance/benchmark_heuristic.py [model] [concurrency]

``eta.py`` takes its constants from the last line: seconds per candidate, warm.
"""

import sys
import time

from budsim.commons.catalogs import hardware_catalog
from budsim.model_ops.services import default_library
from budsim.perf_model.workload import SloTargets, Workload
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.simulation import simulate
from budsim.simulator.simulation_request import SimulationRequest
from budsim.simulator.topology import parse_clusters


def node(index, name, memory_gb):
    device = {
        "type": "cuda",
        "name": name,
        "raw_name": name,
        "mem_per_GPU_in_GB": memory_gb,
        "total_count": 8,
        "available_count": 8,
    }
    return {"id": f"node-{index}", "name": f"node-{index}", "status": True, "devices": [device]}


def mixed_cluster():
    kinds = [("NVIDIA-A100-SXM4-80GB", 80)] * 4 + [("NVIDIA-H100-80GB-HBM3", 79.6)] * 4
    return {"id": "mixed-8x8", "nodes": [node(index, *kind) for index, kind in enumerate(kinds)]}


def one_kind_cluster():
    return {"id": "h100-8x8", "nodes": [node(index, "NVIDIA-H100-80GB-HBM3", 79.6) for index in range(8)]}


def main(model="meta-llama/Llama-3.1-70B-Instruct", concurrency="100"):
    asked = SimulationRequest(
        model,
        Workload(1024, 512, concurrency=int(concurrency)),
        SloTargets(ttft_ms=2000, throughput_per_user_tps=15, e2e_latency_s=40),
    )
    library, catalog = default_library(), hardware_catalog()
    for document in (mixed_cluster(), one_kind_cluster()):
        clusters, _ = parse_clusters([document])
        for run in ("cold", "warm", "warm"):
            predictor = HeuristicPredictor()
            start = time.perf_counter()
            outcome = simulate(asked, clusters, resolve_model=library.resolve, catalog=catalog, predictor=predictor)
            seconds = time.perf_counter() - start
            candidates = sum(group.num_evaluated for group in outcome.groups)
            print(
                f"{document['id']} {run}: {seconds:.3f} s, {len(outcome.groups)} searches, {candidates} candidates, "
                f"{1e3 * seconds / max(1, candidates):.2f} ms per candidate"
            )


if __name__ == "__main__":
    main(*sys.argv[1:3])
