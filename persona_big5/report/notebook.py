"""The notebook of a report: its cells only call the library, executed by the interpreter that runs this program."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from traitlets import default

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from persona_big5.report.sections import Section

_CELL_SECONDS = 300


class _ThisInterpreter(KernelSpecManager):
    """Knows one kernel, this interpreter, whatever kernels are installed on the machine."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python", name=kernel_name)


class _KernelManager(AsyncKernelManager):
    @default("kernel_spec_manager")
    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return _ThisInterpreter(parent=self)


def write_notebook(sections: Sequence[Section]) -> Any:  # noqa: ANN401  (nbformat has no types)
    """Return the notebook, not executed: a cell that loads the findings, then a heading and a call for each section."""
    names = ", ".join(["load_findings", *(section.show.__name__ for section in sections)])
    cells = [
        _markdown("title", "# Report"),
        _code("load", f'from persona_big5.report import {names}\n\nfindings = load_findings(".")'),
    ]
    for section in sections:
        cells.append(_markdown(f"{section.id}-heading", f"## {section.title}\n\n{section.guide}"))
        cells.append(_code(section.id, f"{section.show.__name__}(findings)"))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def execute(notebook: Any, folder: Path) -> None:  # noqa: ANN401
    """Run all cells in ``folder``, in place. A cell that fails raises ``nbclient.exceptions.CellExecutionError``."""
    client = NotebookClient(
        notebook,
        timeout=_CELL_SECONDS,
        kernel_manager_class=_KernelManager,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    client.execute(stderr=subprocess.DEVNULL)


def html_outputs(notebook: Any) -> dict[str, str]:  # noqa: ANN401
    """Return {id of the cell: the HTML it shows} of an executed notebook, cells that show none left out."""
    return {
        cell["id"]: "".join(
            output["data"]["text/html"] for output in cell["outputs"] if "text/html" in output.get("data", {})
        )
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and cell["outputs"]
    }


def _markdown(cell_id: str, source: str) -> Any:  # noqa: ANN401
    return nbformat.v4.new_markdown_cell(source, id=cell_id)


def _code(cell_id: str, source: str) -> Any:  # noqa: ANN401
    return nbformat.v4.new_code_cell(source, id=cell_id)
