"""Write the `.mcpb` bundles to dist/: one for all servers, and one for each.

A bundle holds no dependency: its host installs them with uv (`server.type` "uv", manifest 0.4), so that one file
serves every system. Specification: https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md
"""

import json
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DESCRIPTIONS = {
    "all": "Structured thinking, docs of your installed versions, and a sandboxed test verifier.",
    "thinking": "A notebook of numbered, revisable, branching thoughts that talks back in a line.",
    "docs": "Documentation of the exact versions your project has installed or locked.",
    "testing": "A sandboxed test verifier that makes a pass prove itself.",
}
EPOCH = (2026, 1, 1, 0, 0, 0)  # the same input makes the same bytes


def manifest(server: str, version: str) -> dict[str, object]:
    """Describe one bundle."""
    name = "understudy" if server == "all" else f"understudy-{server}"
    return {
        "manifest_version": "0.4",
        "name": name,
        "display_name": name.replace("-", " "),
        "version": version,
        "description": DESCRIPTIONS[server],
        "author": {"name": "the understudy authors"},
        "license": "MIT",
        "keywords": ["mcp", "local models"],
        "server": {
            "type": "uv",
            "entry_point": "src/server.py",
            "mcp_config": {"command": "uv", "args": ["run", "--directory", "${__dirname}", "src/server.py"]},
        },
        "compatibility": {"platforms": ["darwin", "linux"], "runtimes": {"python": ">=3.11"}},
    }


def contents(server: str, version: str) -> dict[str, str]:
    """Every file of one bundle, path to text."""
    extra = "[docs]" if server in {"all", "docs"} else ""
    project = f'[project]\nname = "understudy-bundle"\nversion = "{version}"\nrequires-python = ">=3.11"\n'
    project += f'dependencies = ["understudy{extra}=={version}"]\n'
    start = "import sys\n\nfrom understudy_harness.cli import main\n\n"
    start += f'sys.argv = ["understudy", "serve", "{server}", *sys.argv[1:]]\nmain()\n'
    return {
        "manifest.json": json.dumps(manifest(server, version), indent=2) + "\n",
        "pyproject.toml": project,
        "src/server.py": start,
    }


def build(folder: Path) -> list[Path]:
    """Write every bundle into `folder`."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for server in DESCRIPTIONS:
        path = folder / f"{manifest(server, version)['name']}-{version}.mcpb"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in contents(server, version).items():
                bundle.writestr(zipfile.ZipInfo(name, EPOCH), text)
        written.append(path)
    return written


if __name__ == "__main__":
    for path in build(ROOT / "dist"):
        print(path.relative_to(ROOT))  # noqa: T201 - a script says what it wrote
