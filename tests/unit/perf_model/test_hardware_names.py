"""Spellings by the tools that report devices: every one is the device that its vendor means, or said to be unknown."""

import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import UnknownHardwareError

# GKE: cloud.google.com/gke-accelerator. EKS: karpenter.k8s.aws/instance-gpu-name. AKS, NFD and NVIDIA's feature
# discovery: nvidia.com/gpu.product. The rest as nvidia-smi, rocm-smi, hl-smi and lscpu print them.
SPELLINGS = {
    "nvidia-tesla-t4": "Tesla T4",
    "nvidia-tesla-v100": "Tesla V100 SXM2 16GB",
    "nvidia-tesla-p100": "Tesla P100 PCIe 16GB",
    "nvidia-tesla-a100": "NVIDIA A100 SXM4 40GB",
    "nvidia-a100-80gb": "NVIDIA A100 SXM4 80GB",
    "nvidia-l4": "NVIDIA L4",
    "nvidia-h100-80gb": "NVIDIA H100 SXM 80GB",
    "nvidia-h100-mega-80gb": "NVIDIA H100 SXM 80GB",
    "nvidia-h200-141gb": "NVIDIA H200 SXM 141GB",
    "nvidia-b200": "NVIDIA B200 SXM 180GB",
    "nvidia-gb200": "NVIDIA GB200 (per GPU)",
    "nvidia-rtx-pro-6000": "RTX PRO 6000 Blackwell Server",
    "tpu-v5-lite-podslice": "Google TPU v5e",
    "tpu-v5p-slice": "Google TPU v5p",
    "tpu-v6e-slice": "Google TPU v6e",
    "t4": "Tesla T4",
    "a10g": "NVIDIA A10G",
    "l4": "NVIDIA L4",
    "l40s": "NVIDIA L40S",
    "h100": "NVIDIA H100 SXM 80GB",
    "Tesla-T4": "Tesla T4",
    "Tesla-V100-SXM2-16GB": "Tesla V100 SXM2 16GB",
    "Tesla-V100-SXM2-32GB": "Tesla V100 SXM2 32GB",
    "Tesla-V100-PCIE-16GB": "Tesla V100 PCIe 16GB",
    "NVIDIA-A100-SXM4-40GB": "NVIDIA A100 SXM4 40GB",
    "NVIDIA-A100-SXM4-80GB": "NVIDIA A100 SXM4 80GB",
    "NVIDIA-A100-PCIE-40GB": "NVIDIA A100 PCIe 40GB",
    "NVIDIA-A100-80GB-PCIe": "NVIDIA A100 PCIe 80GB",
    "NVIDIA-H100-80GB-HBM3": "NVIDIA H100 SXM 80GB",
    "NVIDIA-H100-80GB-HBM3-SHARED": "NVIDIA H100 SXM 80GB",
    "NVIDIA-H100-PCIe": "NVIDIA H100 PCIe 80GB",
    "NVIDIA-H100-NVL": "NVIDIA H100 NVL 94GB",
    "NVIDIA-H200": "NVIDIA H200 SXM 141GB",
    "NVIDIA-H200-NVL": "NVIDIA H200 NVL",
    "NVIDIA-GH200-480GB": "NVIDIA GH200 96GB",
    "NVIDIA-L40S": "NVIDIA L40S",
    "NVIDIA-L40": "NVIDIA L40",
    "NVIDIA-A10": "NVIDIA A10",
    "NVIDIA-A30": "NVIDIA A30",
    "NVIDIA-A40": "NVIDIA A40",
    "NVIDIA-RTX-A6000": "NVIDIA RTX A6000",
    "NVIDIA-GeForce-RTX-4090": "GeForce RTX 4090",
    "NVIDIA A100-SXM4-80GB": "NVIDIA A100 SXM4 80GB",
    "NVIDIA H100 80GB HBM3": "NVIDIA H100 SXM 80GB",
    "NVIDIA B300 SXM6 AC": "NVIDIA B300 SXM 270GB",
    "NVIDIA GeForce RTX 5090": "GeForce RTX 5090",
    "NVIDIA RTX 6000 Ada Generation": "NVIDIA RTX 6000 Ada",
    "NVIDIA RTX PRO 6000 Blackwell Server Edition": "RTX PRO 6000 Blackwell Server",
    "AMD_Instinct_MI300X_OAM": "AMD Instinct MI300X",
    "AMD Instinct MI300X": "AMD Instinct MI300X",
    "AMD-Instinct-MI325X-OAM": "AMD Instinct MI325X",
    "AMD Instinct MI250X / MI250": "AMD Instinct MI250X (per GCD)",
    "AMD Instinct MI210": "AMD Instinct MI210",
    "AMD Instinct MI355X": "AMD Instinct MI355X",
    "HL-225": "Intel Gaudi2 HL-225 (OAM)",
    "HL_225": "Intel Gaudi2 HL-225 (OAM)",
    "HL-325L": "Intel Gaudi3 HL-325L (OAM)",
    "HL-338": "Intel Gaudi3 HL-338 (PCIe)",
    "habana-gaudi2": "Intel Gaudi2 HL-225 (OAM)",
    "Intel(R) Xeon(R) Platinum 8480+": "Intel Xeon Platinum 8480+",
    "Intel(R) Xeon(R) Platinum 8480C": "Intel Xeon Platinum 8480+",
    "INTEL(R) XEON(R) PLATINUM 8592+": "Intel Xeon Platinum 8592+",
    "Intel(R) Xeon(R) 6767P": "Intel Xeon 6767P",
    "Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz": "Intel Xeon Platinum 8380",
    "AMD EPYC 9654 96-Core Processor": "AMD EPYC 9654",
    "AMD EPYC 7763 64-Core Processor": "AMD EPYC 7763",
}
# Parts of devices, virtual machines and devices without a row: never taken for a neighbour.
STRANGERS = (
    "nvidia-tesla-p4",
    "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb",
    "m60",
    "t4g",
    "inferentia2",
    "standard-nc24ads-a100-v4",
    "Intel(R) Xeon(R) CPU @ 2.20GHz",
    "nvidia-h100-micro-80gb",
)


@pytest.mark.parametrize(("spelling", "device"), SPELLINGS.items(), ids=str)
def test_a_spelling_names_its_device(spelling, device):
    assert hardware_catalog().match(spelling).spec.name == device


@pytest.mark.parametrize("spelling", STRANGERS)
def test_a_stranger_is_said_to_be_unknown(spelling):
    with pytest.raises(UnknownHardwareError, match="no catalogue row"):
        hardware_catalog().match(spelling)
