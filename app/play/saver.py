"""Writing saves while the game goes on. Owns the thread that does it and what came of it; refuses to choose slots."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from app.drawing.notice import in_one_line
from engine.checkpoint import Checkpoint
from engine.time_travel.moment import Moment
from engine.time_travel.save import save_bytes, write_save
from models.manifest import BadInput

PATIENCE = 10.0  # seconds until the loop must have handed out the moment


@dataclass(frozen=True)
class SaveNews:
    """How a save ended: a line for the player, and whether it is on disk."""

    line: str
    saved: bool


class Saver:
    """Writes one save after the other in the background."""

    def __init__(self) -> None:
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saver")
        self._running: list[tuple[str, Future[None]]] = []

    def save(
        self,
        taken: Future[Moment],
        checkpoint: Checkpoint,
        palette: str | None,
        path: Path,
        name: str,
    ) -> None:
        """Write the moment that `taken` will bring to `path`; `name` is what the player calls it."""

        def work() -> None:
            write_save(path, save_bytes(taken.result(PATIENCE), checkpoint, palette))

        self._running.append((name, self._writer.submit(work)))

    def news(self) -> list[SaveNews]:
        """One for every save that has come to an end since the last call."""
        ended = [(name, work) for name, work in self._running if work.done()]
        self._running = [(name, work) for name, work in self._running if not work.done()]
        return [_outcome(name, work) for name, work in ended]

    def close(self) -> list[SaveNews]:
        """Wait until everything is on disk. Returns the last news."""
        self._writer.shutdown(wait=True)
        return self.news()


def _outcome(name: str, work: Future[None]) -> SaveNews:
    try:
        work.result()
    except BadInput as error:
        return SaveNews(str(error), False)
    except (TimeoutError, CancelledError):
        return SaveNews(f"{name}: not saved (the game had ended)", False)
    except Exception as error:  # whatever a backend raises is one line for the player, and play goes on
        return SaveNews(f"{name}: not saved ({in_one_line(error)})", False)
    return SaveNews(f"saved: {name}", True)
