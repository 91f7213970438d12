"""Never trust compiled files under the project.

CPython takes a `.pyc` for current when the source has the same size and the same whole second of modification, so two
edits of equal length within a second run the old code; and a candidate can plant one for the next run.
"""

import importlib.machinery
import os
from types import CodeType


def distrust(root: str) -> None:
    """Compile every module below `root` from its source; installed packages keep their compiled files."""
    inside = os.path.realpath(root) + os.sep
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        path = os.path.realpath(self.get_filename(fullname))
        if path.startswith(inside) and f"{os.sep}site-packages{os.sep}" not in path:
            code: CodeType = self.source_to_code(self.get_data(path), path)
            return code
        return original(self, fullname)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[assignment,method-assign]
