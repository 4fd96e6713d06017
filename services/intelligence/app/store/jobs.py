"""What the writers share: the limits of a commit, and how a job may fail beside its own errors."""

MOST_JOBS_A_COMMIT = 256


class StoreClosedError(RuntimeError):
    """The writer was closed before the job was done."""


class StoreLostError(RuntimeError):
    """The database was lost while the job was done: it is not stored, or at the commit itself, may be stored."""

    def __init__(self, *, worth_another_try: bool = False) -> None:
        super().__init__()
        self.worth_another_try = worth_another_try
