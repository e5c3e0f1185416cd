"""Write ``tests/golden/kserve_inference_service.json`` from the models in KServe's Python package.

The package is read, never imported or installed. Fetch it first, without its dependencies:

    pip download --no-deps kserve -d FOLDER
    python scripts/build_kserve_schema.py FOLDER/kserve-*.whl

Every model of the package lists its attributes, their types and their names in JSON. Kept are the InferenceService,
its predictor and what hangs on them by KServe's own types; what is Kubernetes' own (``V1Container``) is any object
here, and checked against the Kubernetes schemas by the test.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).resolve().parents[1] / "tests" / "golden" / "kserve_inference_service.json"
ROOT = "V1beta1InferenceService"
# Parts that are never written: other frameworks' predictors, and what goes before and after a predictor.
LEFT_OUT = re.compile(
    r"V1beta1(Explainer|Transformer|Tracing|Canary|AutoScaling|Batcher|Logger|StorageUri|Model|HuggingFace|LightGBM|ONNX"
    r"|PMML|Paddle|SKLearn|TFServing|TorchServe|Triton|XGBoost).*|V1beta1InferenceServiceStatus"
)
PLAIN = {"str": "string", "int": "integer", "bool": "boolean", "float": "number", "object": "object"}


def file_of(model: str) -> str:
    """Return the file of a model's class."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", model).lower()
    return f"kserve/models/{words}.py"


class Models:
    """The models of one wheel."""

    def __init__(self, wheel: Path) -> None:
        self._zip = zipfile.ZipFile(wheel)
        self._files = {name.replace("_", ""): name for name in self._zip.namelist()}
        self.definitions: dict[str, Any] = {}

    def schema_of(self, kind: str) -> dict[str, Any]:
        """Return the JSON schema of a type as the models write it: ``str``, ``list[V1Volume]``, a model."""
        if kind in PLAIN:
            return {"type": PLAIN[kind]}
        if kind.startswith("list["):
            return {"type": "array", "items": self.schema_of(kind[5:-1])}
        own = self._files.get(file_of(kind).replace("_", ""))
        if own is None or LEFT_OUT.fullmatch(kind):
            return {"type": "object"} if kind.startswith(("dict(", "V1", "K8s")) else {}
        if kind not in self.definitions:
            self.definitions[kind] = {}
            self.definitions[kind] = self._definition(own)
        return {"$ref": f"#/definitions/{kind}"}

    def _definition(self, name: str) -> dict[str, Any]:
        tree = ast.parse(self._zip.read(name).decode())
        listed: dict[str, dict[str, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                target = node.targets[0].id
                if target in ("openapi_types", "attribute_map"):
                    listed[target] = ast.literal_eval(node.value)
        types, names = listed["openapi_types"], listed["attribute_map"]
        properties = {names[attribute]: self.schema_of(kind) for attribute, kind in sorted(types.items())}
        return {"type": "object", "additionalProperties": False, "properties": properties}


def main() -> None:
    """Write the schema of one wheel."""
    wheel = Path(sys.argv[1])
    release = "-".join(wheel.name.split("-")[:2])
    models = Models(wheel)
    root = models.schema_of(ROOT)
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": f"Written by scripts/build_kserve_schema.py from the models of {release} (Apache-2.0): names and "
        "types of fields.",
        **root,
        "definitions": dict(sorted(models.definitions.items())),
    }
    OUTPUT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{OUTPUT}: {len(models.definitions)} definitions")


if __name__ == "__main__":
    main()
