from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from processes import gone, running

# Jupyter's own warnings are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

START = "import tokligence; gw = tokligence.start(); print(gw.pid)"


class Notebook:
    """A real kernel, and the cells that run in it."""

    def __init__(self) -> None:
        self.manager: KernelManager
        self.client: BlockingKernelClient
        self.manager, self.client = start_new_kernel(kernel_name="python3")

    def cell(self, code: str) -> str:
        """Run a cell and return what it printed, or the HTML of its value."""
        shown: list[str] = []

        def hook(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                shown.append(content["text"])
            elif message["msg_type"] == "execute_result":
                shown.append(content["data"].get("text/html", content["data"]["text/plain"]))

        reply = self.client.execute_interactive(code, timeout=60, output_hook=hook)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(shown).strip()

    def interrupted_cell(self) -> dict[str, Any]:
        """Interrupt a cell that sleeps; return the reply."""
        asked = self.client.execute(
            "import time; print('sleeping', flush=True); time.sleep(60)", stop_on_error=False
        )
        while self.client.get_iopub_msg(timeout=60)["content"].get("text", "").strip() != "sleeping":
            pass
        self.manager.interrupt_kernel()
        while True:
            reply: dict[str, Any] = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == asked:
                return reply

    def drop(self) -> None:
        """Close the connection, and kill the kernel if there is one."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    made = Notebook()
    yield made
    made.drop()


def test_gateway_lives_with_its_kernel(notebook: Notebook) -> None:
    pid = int(notebook.cell(START))
    assert int(notebook.cell(START)) == pid
    shown = notebook.cell("gw")
    assert "/v1</code>" in shown and "<table>" in shown
    assert notebook.interrupted_cell()["content"]["ename"] == "KeyboardInterrupt"
    assert notebook.cell("print(gw.pid, gw.restarts, gw.health()['status'])") == f"{pid} 0 ok"

    notebook.manager.restart_kernel(now=False)
    assert gone(pid)
    notebook.client.wait_for_ready(timeout=60)
    pid = int(notebook.cell(START))
    notebook.manager.restart_kernel(now=True)
    assert gone(pid)
    notebook.client.wait_for_ready(timeout=60)
    pid = int(notebook.cell(START))
    assert running(pid)
    os.kill(int(notebook.cell("import os; print(os.getpid())")), signal.SIGKILL)
    assert gone(pid)


def test_cell_may_await(notebook: Notebook) -> None:
    printed = notebook.cell(
        "import tokligence\n"
        "async with tokligence.AsyncGateway() as gw:\n"
        "    print(gw.pid, (await gw.health())['status'])\n"
    )
    pid, status = printed.split()
    assert status == "ok" and not running(int(pid))
