"""``doctor``: looks at everything that a person sets up, says what is wrong with it, and changes nothing.

The launcher looks at what is around it; each service looks at its own settings, data and providers, in a process of
its own. That works while NovaCore runs and while it does not.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from novakit.findings import Finding, from_line, of_settings
from novakit.settings import SettingsError, environment, in_file, read

from . import ollama, secrets, spelling, surroundings, verdict
from .child import Child, Program, how_it_ended
from .console import log_entry, readable
from .environment import for_service, with_secrets
from .examine import variables_in
from .lifeline import Lifeline
from .ollama import Kind
from .settings import LauncherSettings
from .topology import LOCAL_MODEL, SERVICES, Service
from .up import has_its_modules

INTERRUPTED = 130
MOST_SECONDS = 60.0
"""How long one service may take. Its slowest part is a provider that does not answer, for which it has a clock."""
_REPAIR = "Run make setup again; if that does not help, this is a bug in NovaCore."


def doctor(directory: Path, *, as_json: bool) -> int:
    """Look, and say what was found; the exit code."""
    try:
        return asyncio.run(_doctor(directory, as_json=as_json))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain about it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


async def _doctor(directory: Path, *, as_json: bool) -> int:
    found: list[Finding] = []
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    async for finding in once(examine(os.environ, directory)):
        found.append(finding)
        if not as_json:
            print("\n".join(verdict.lines(finding, colour=colour, width=width)), flush=True)
    print(verdict.document(found) if as_json else f"\n{verdict.summary(found)}")
    return verdict.exit_code(found)


async def examine(environ: Mapping[str, str], directory: Path) -> AsyncIterator[Finding]:
    """Everything that there is to find, as it is found."""
    yield surroundings.python()
    yield await asyncio.to_thread(surroundings.node)
    try:
        written = in_file(environ, directory)
        merged = environment(environ, directory)
        merged = with_secrets(merged, secrets.preview(merged, data_folder(merged)))
    except SettingsError as error:
        for finding in of_settings("settings", error):
            yield finding
        return
    try:
        settings = LauncherSettings.load(merged)
    except SettingsError as error:
        for finding in of_settings("settings", error):
            yield finding
        choice, priority = ollama.Choice(Kind.NOT_WANTED), None
    else:
        for finding in (*surroundings.data_folder(settings.novacore_data_dir), surroundings.listening(settings)):
            yield finding
        choice, priority = await asyncio.to_thread(choose, settings), settings.priority
        for finding in surroundings.local_model(choice):
            yield finding
    with closing(Lifeline()) as lifeline:
        looks = [Look(row, for_services(merged, choice), lifeline) for row in SERVICES]
        async for finding in _all_of(looks, choice.kind):
            yield finding
    if priority is not None and all(look.variables for look in looks):
        variables = spelling.known((name for look in looks for name in look.variables), priority)
        for finding in spelling.misspelt(written, variables):
            yield finding


def data_folder(environ: Mapping[str, str]) -> Path:
    """The data folder, also where other settings of the launcher cannot be used; raises SettingsError."""
    return Path(read(environ, "NOVACORE_DATA_DIR") or "data")


def choose(settings: LauncherSettings) -> ollama.Choice:
    """Who would answer as ``ollama`` if ``up`` were called now."""
    embedded = next(row for row in SERVICES if row.name == LOCAL_MODEL)
    return ollama.choose(
        settings.ollama_url,
        settings.priority,
        installed=has_its_modules(embedded),
        has_model=ollama.answers_with_a_model,
    )


def for_services(environ: Mapping[str, str], choice: ollama.Choice) -> dict[str, str]:
    """The environment with the address of an Ollama that was found; the built-in model has none while it rests."""
    return {**environ, "OLLAMA_URL": choice.url} if choice.kind is Kind.FOUND and choice.url else dict(environ)


async def _all_of(looks: Sequence["Look"], kind: Kind) -> AsyncIterator[Finding]:
    """All looks at once; who asks the providers takes longest and tells most, and is told of last.

    The built-in model's settings are looked at always, the model where it is the one to answer.
    """
    looking = {look: asyncio.ensure_future(look.take()) for look in looks}
    for look in sorted(looks, key=lambda look: look.row.asks_providers):
        await looking[look]
        for finding in look.found:
            if look.row.name != LOCAL_MODEL or kind is Kind.BUILT_IN or finding.check == "settings":
                yield finding


async def once(findings: AsyncIterator[Finding]) -> AsyncIterator[Finding]:
    """The findings without what was said before: services read some settings alike, and find the same wrong."""
    said: set[str] = set()
    async for finding in findings:
        if finding.check != "settings" or finding.level != "fault" or finding.text not in said:
            yield finding
        said.add(finding.text)


class Look:
    """One service's look at itself: what it ``found``, and the ``variables`` that it reads."""

    def __init__(self, row: Service, environ: Mapping[str, str], lifeline: Lifeline) -> None:
        self.row = row
        self.found: list[Finding] = []
        self.variables: frozenset[str] = frozenset()
        self._inherit = (lifeline.read_end,)
        self._program = Program(
            name=row.name,
            argv=(sys.executable, "-m", "novacore", "examine", row.name),
            environ={**for_service(row, environ), **lifeline.environment()},
            ready_url="",
        )

    async def take(self) -> None:
        """Let it look; that it could not is a finding too."""
        child = await Child.start(self._program, inherit=self._inherit, on_line=self._read)
        try:
            code = await asyncio.wait_for(child.ended(), MOST_SECONDS)
        except TimeoutError:
            child.kill()
            await child.ended()
            self._failed(f"it did not come to an end within {MOST_SECONDS:g} s")
        else:
            if code != 0:
                self._failed(_last_words(child) or how_it_ended(code))
        finally:
            child.kill()

    def _read(self, _name: str, line: str) -> bool:
        finding, variables = from_line(line), variables_in(line)
        if finding is not None:
            self.found.append(finding)
        if variables is not None:
            self.variables = variables
        return finding is not None or variables is not None

    def _failed(self, why: str) -> None:
        self.found.append(Finding("fault", self.row.name, "settings", f"could not be looked at: {why}.", _REPAIR))


def _last_words(child: Child) -> str:
    """What a service said last that was no finding: of a crash its log entry, which holds no value."""
    entry = log_entry(child.unseen[-1]) if child.unseen else None
    return readable(entry) if entry is not None else ""
