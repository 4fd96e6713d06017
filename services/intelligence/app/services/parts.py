"""What the composition root wires once and the ordinary routes use."""

from dataclasses import dataclass

from novakit.clock import Clock
from novakit.ids import NewId

from ..config import Settings
from ..store.repository import ChatRepository
from ..store.usage import UsageRepository
from ..store.user_data import UserData
from .activity import Activity
from .answers.conversation import Conversations
from .answers.drain import Drain
from .answers.running import RunningTurns
from .completions import Completions
from .examining import Examiner
from .learning import Learning
from .llm_router import ProviderOrchestrator
from .orchestrator.health_board import HealthBoard
from .quotas.books import Books
from .quotas.budgets import ProviderBudgets


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running intelligence service."""

    repository: ChatRepository
    user_data: UserData
    usage: UsageRepository
    books: Books
    budgets: ProviderBudgets
    conversations: Conversations
    learning: Learning
    completions: Completions
    orchestrator: ProviderOrchestrator
    health: HealthBoard
    running: RunningTurns
    clock: Clock
    new_id: NewId
    cloud_enabled: bool
    drain: Drain
    activity: Activity
    examiner: Examiner
    settings: Settings
