"""What surrounds a run on every system: the names of the layers, and a clean environment."""

from collections.abc import Mapping
from typing import Any

ALL = ("namespaces", "network", "view", "landlock", "seccomp", "privileges", "limits")
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}


def environment(job: Mapping[str, Any]) -> dict[str, str]:
    """A clean environment: nothing of the server's own."""
    scratch = job["scratch"]
    clean = {name: value for name, value in ENVIRONMENT.items() if name not in job.get("unset", ())}
    return {**clean, "HOME": f"{scratch}/home", "TMPDIR": f"{scratch}/tmp", **job.get("env", {})}
