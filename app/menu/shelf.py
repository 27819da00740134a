"""The worlds at hand. Owns their checkpoints and a warm session each, built in the background; refuses to play."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from engine.backends.wish import BackendWish
from engine.checkpoint import Checkpoint, load_checkpoint, verify_file
from engine.frame_loop import FrameLoop
from engine.session import Begin, Session
from engine.time_travel.timeline import Timeline
from models.manifest import BadInput, Manifest


class Shelf:
    """Worlds by name. A world that can't be loaded is left out and its one-line reason kept in `problems`."""

    def __init__(
        self,
        folders: Iterable[Path],
        wish: BackendWish | None = None,
        check: Callable[[Manifest], None] = lambda manifest: None,
        tell: Callable[[str], None] = lambda problem: None,
    ) -> None:
        """Load the worlds in `folders`; `check` raises BadInput for what else makes one unfit. `tell` hears once why
        another backend plays than was wished for."""
        self.problems: list[str] = []
        self.stage = ""  # what is being done to the session that is built now, for people
        self._wish = wish or BackendWish()
        self._tell = tell
        self._told: set[str] = set()
        self._checkpoints: dict[str, Checkpoint] = {}
        self._sessions: dict[str, Future[Session]] = {}
        self._retired: list[FrameLoop] = []  # told to end, perhaps still in a tick
        self._builder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="session-builder")
        for folder in folders:
            try:
                checkpoint = load_checkpoint(folder)
                check(checkpoint.manifest)
                self._checkpoints[checkpoint.manifest.name] = checkpoint
            except BadInput as error:
                self.problems.append(str(error))

    @property
    def names(self) -> list[str]:
        """Worlds that can be chosen, in the order given."""
        return list(self._checkpoints)

    def checkpoint(self, name: str) -> Checkpoint:
        """A world's verified checkpoint."""
        return self._checkpoints[name]

    def after(self, name: str) -> str:
        """The world behind `name`, round and round; the first behind one that isn't here."""
        names = self.names
        return names[(names.index(name) + 1) % len(names)] if name in names else names[0]

    def request(self, name: str) -> Future[Session]:
        """A world's session, being built in the background from the first request on."""
        if name not in self._sessions:
            self._sessions[name] = self._builder.submit(self._build, self._checkpoints[name])
        return self._sessions[name]

    def request_all(self) -> None:
        """Have every world's session built in the background, one after the other."""
        for name in self.names:
            self.request(name)

    def prepare(self, name: str, start: int, rng_seed: int) -> Future[Session]:
        """A world's session, built if need be and reset, all in the background."""
        return self.prepare_by(name, lambda session: session.reset(start, rng_seed))

    def prepare_by(self, name: str, begin: Begin) -> Future[Session]:
        """The same, but `begin` leads to the frame that play begins with."""
        built = self.request(name)

        def lead() -> Session:
            session = built.result()
            begin(session)
            return session

        return self._builder.submit(lead)

    def retire(self, loop: FrameLoop) -> None:
        """A loop was told to end: wait for it in the background, before its session can be prepared again."""

        def end() -> None:
            loop.stop()
            self._retired.remove(loop)
            if loop.session.timeline is not None:
                loop.session.timeline.clear()  # its memory is wanted by the world that is played next

        self._retired.append(loop)
        self._builder.submit(end)

    def forget(self, name: str) -> None:
        """Let go of a session that failed, so that the next request builds a new one in its place."""
        failed = self._sessions.pop(name, None)
        if failed is not None:
            self._builder.submit(_close_built, failed)

    def close(self) -> None:
        """Stop building and let go of every session."""
        self._builder.shutdown(wait=True, cancel_futures=True)
        for loop in self._retired:  # what would have waited for them stood behind a build
            loop.stop()
        for future in self._sessions.values():
            _close_built(future)

    def _build(self, checkpoint: Checkpoint) -> Session:
        session, problem = build_session(checkpoint, self._wish, self._set_stage)
        self.stage = ""
        if problem is not None and problem not in self._told:
            self._told.add(problem)
            self._tell(problem)
        return session

    def _set_stage(self, stage: str, share: float) -> None:
        self.stage = f"{stage} {share:.0%}"


def build_session(
    checkpoint: Checkpoint, wish: BackendWish, progress: Callable[[str, float], None]
) -> tuple[Session, str | None]:
    """A session on the backend that was wished for, warmed up; or on what stands in for it, and why."""
    from engine.backends.choice import make_backend  # the runtimes take a while to import: never before the menu shows

    verify_file(checkpoint.folder, checkpoint.manifest.graphs.step, checkpoint.manifest)  # it may be hours later
    choice = make_backend(checkpoint, wish, progress)
    return Session(checkpoint, choice.backend, timeline=Timeline()), choice.problem


def _close_built(future: Future[Session]) -> None:
    if future.done() and not future.cancelled() and future.exception() is None:
        future.result().backend.close()
