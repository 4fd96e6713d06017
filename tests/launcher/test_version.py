import subprocess
import sys

from novakit.version import VERSION, revision


def test_the_command_line_says_which_version_it_is() -> None:
    command = [sys.executable, "-m", "novacore", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"NovaCore {VERSION} ({revision()})\n"
