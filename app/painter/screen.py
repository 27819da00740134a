"""The painter: a board of the world's own, and the world's own pieces to put on it. Owns its keys, mouse and states;
refuses drawing (view), finding the pieces (stamps), the pixels (canvas) and playing (arcade).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import pygame

from app.drawing.notice import Notice, in_one_line
from app.drawing.picture import Picture
from app.drawing.window import Window
from app.keys.gamepad import PAD_CODES, Gamepads, menu_key
from app.keys.keymap import Command
from app.keys.repeat import Repeat
from app.menu.backdrop import draw_backdrop
from app.outcome import Outcome
from app.painter.canvas import Canvas, Pixels
from app.painter.paintings import keep_painting, list_paintings, open_painting, painted, paintings_folder
from app.painter.stamps import boards, find_stamps, patch_side, sprite_side
from app.painter.view import Places, View, draw_painter
from engine.checkpoint import Checkpoint
from models.manifest import BadInput

FRAME_RATE = 60
MOVES = {pygame.K_LEFT: (0, -1), pygame.K_RIGHT: (0, 1), pygame.K_UP: (-1, 0), pygame.K_DOWN: (1, 0)}


class Deed(StrEnum):
    """What a key does."""

    STAMP = "stamp"
    NEXT = "next piece"
    BACK = "piece before"
    TAKE = "take"
    UNDO = "undo"
    FINE = "fine"
    BOARD = "other board"
    KEEP = "keep"
    PLAY = "play"
    LEAVE = "menu"


KEYS = {
    pygame.K_SPACE: Deed.STAMP,
    pygame.K_RETURN: Deed.STAMP,
    pygame.K_KP_ENTER: Deed.STAMP,
    PAD_CODES["pad a"]: Deed.STAMP,
    pygame.K_TAB: Deed.NEXT,
    pygame.K_e: Deed.NEXT,
    PAD_CODES["pad rb"]: Deed.NEXT,
    pygame.K_q: Deed.BACK,
    PAD_CODES["pad lb"]: Deed.BACK,
    pygame.K_c: Deed.TAKE,
    PAD_CODES["pad y"]: Deed.TAKE,
    pygame.K_z: Deed.UNDO,
    pygame.K_BACKSPACE: Deed.UNDO,
    PAD_CODES["pad x"]: Deed.UNDO,
    pygame.K_f: Deed.FINE,
    PAD_CODES["pad lt"]: Deed.FINE,
    pygame.K_b: Deed.BOARD,
    PAD_CODES["pad rt"]: Deed.BOARD,
    pygame.K_s: Deed.KEEP,
    PAD_CODES["pad r3"]: Deed.KEEP,
    pygame.K_p: Deed.PLAY,
    PAD_CODES["pad start"]: Deed.PLAY,
    pygame.K_ESCAPE: Deed.LEAVE,
    PAD_CODES["pad b"]: Deed.LEAVE,
    PAD_CODES["pad back"]: Deed.LEAVE,
}


class Painter:
    """Paints in one world until it is left. `to_play`: the painting as RGB [H,W,3], where play is to begin from it."""

    def __init__(
        self,
        window: Window,
        checkpoint: Checkpoint,
        saves: Path,
        theme: str | None,
        commands: dict[int, Command],
        pads: Gamepads,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        manifest = checkpoint.manifest
        self.window, self.pads, self.manifest, self.theme = window, pads, manifest, theme
        self.outcome: Outcome | None = None
        self.to_play: Pixels | None = None
        self.boards = boards(checkpoint)
        self.board = 1  # the empty one
        self.canvas = Canvas(self.boards[self.board][1])
        self.stamps: list[Pixels] = []
        self.stamp = 0
        self.cursor = (manifest.height // 2, manifest.width // 2)  # top and left of the piece
        self.fine = False
        self._taken: Pixels | None = None
        self._folder = paintings_folder(saves, manifest.name)
        self._commands = commands
        self._clock = clock
        self._opened = clock()
        self._notice = Notice(clock)
        self._repeat = Repeat(clock)
        self._dragging = False
        self._places = Places()
        self._picture = Picture(manifest, theme)
        self._finder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stamp-finder")
        self._finding: Future[list[Pixels]] | None = self._finder.submit(find_stamps, checkpoint)
        self._offer_paintings()
        self._snap()

    def _offer_paintings(self) -> None:
        """Paintings that were kept are boards too, behind the world's own."""
        for path in list_paintings(self._folder):
            try:
                self.boards.append((path.stem, open_painting(path, self.manifest)))
            except BadInput:
                continue  # somebody else's file: it is no board

    def run(self) -> Outcome:
        """Until it is left: to play (`to_play`), to the menu, or out of the program."""
        self._open()
        ticker = pygame.time.Clock()
        try:
            while self.outcome is None:
                self.turn()
                ticker.tick(FRAME_RATE)
        finally:
            pygame.mouse.set_visible(not self.window.fullscreen)
        return self.outcome

    def _open(self) -> None:
        """As if it hadn't been left."""
        self.outcome = self.to_play = None
        self._repeat.release()
        self._dragging = False
        pygame.mouse.set_visible(True)

    def close(self) -> str:
        """Keep what was painted and not kept yet. Returns a line about it, or nothing."""
        self._finder.shutdown(wait=False, cancel_futures=True)
        return self.keep() if self.canvas.changed else ""

    def turn(self) -> None:
        """Keys, then a picture."""
        self.poll()
        if (held := self._repeat.due()) is not None:
            self._move(*MOVES[held])
        self._find()
        self.draw()

    def _find(self) -> None:
        """Take over the pieces as soon as they are found. Without them one can still take pieces of the board."""
        if self._finding is None or not self._finding.done():
            return
        finding, self._finding = self._finding, None
        try:
            self.stamps = finding.result()
        except Exception as error:  # whatever a world's start pictures are, painting goes on
            self.say(f"no pieces were found ({in_one_line(error)})")

    def say(self, message: str) -> None:
        """One line for a while."""
        self._notice.say(message)

    @property
    def piece(self) -> Pixels | None:
        """What is put down next; None while the pieces are still being looked for."""
        if self._taken is not None:
            return self._taken
        return self.stamps[self.stamp] if self.stamps else None

    @property
    def side(self) -> int:
        """Pixels of the piece, or of what would be taken."""
        return sprite_side(self.manifest) if self.piece is None else len(self.piece)

    def poll(self) -> None:
        """Handle what happened since the last call."""
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.outcome = Outcome.QUIT
            elif event.type == pygame.WINDOWFOCUSLOST:
                self._repeat.release()
            elif event.type == pygame.DROPFILE:
                self._begin_from(Path(event.file))
            elif event.type in (pygame.KEYDOWN, pygame.KEYUP):
                self._key(event.key, event.type == pygame.KEYDOWN)
            elif event.type in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP, pygame.MOUSEMOTION, pygame.MOUSEWHEEL):
                self._mouse(event)
            else:
                for code, down in self.pads.handle(event):
                    self._key(code, down)

    def _key(self, raw: int, down: bool) -> None:
        code, command = menu_key(raw), self._commands.get(raw)
        if not down:
            self._repeat.release(code)
        elif raw in KEYS:
            self.do(KEYS[raw])
        elif code in MOVES:
            self._move(*MOVES[code])
            self._repeat.press(code)
        elif command is Command.FULLSCREEN:
            self.window.toggle_fullscreen()
            pygame.mouse.set_visible(True)
        elif command is Command.MENU:
            self.do(Deed.LEAVE)

    def do(self, deed: Deed) -> None:
        """What a key, a button or a click asks for."""
        if deed is Deed.STAMP:
            self._put()
        elif deed in (Deed.NEXT, Deed.BACK):
            self._choose(1 if deed is Deed.NEXT else -1)
        elif deed is Deed.TAKE:
            self._taken = self.canvas.take(*self.cursor, self.side)
            self.say("taken: put it down elsewhere")
        elif deed is Deed.UNDO:
            self.say("" if self.canvas.undo() else "nothing more to take back")
        elif deed is Deed.FINE:
            self.fine = not self.fine
            self._snap()
            self.say("single pixels" if self.fine else "whole patches")
        elif deed is Deed.BOARD:
            self.board = (self.board + 1) % len(self.boards)
            self._keep_first()
            changed = self.canvas.changed
            self.canvas.put(self.boards[self.board][1], 0, 0)
            self.canvas.changed = changed  # nothing that would have to be kept
        elif deed is Deed.KEEP:
            self.say(self.keep())
        elif deed is Deed.PLAY:
            self._play()
        else:
            self.outcome = Outcome.MENU

    def keep(self) -> str:
        """Write the painting beside the saves. Returns a line about it."""
        try:
            path = keep_painting(self._folder, painted(self.canvas.pixels, self.manifest, self.theme), datetime.now())
        except BadInput as error:
            return str(error)
        self.canvas.changed = False
        return f"kept: {path}"

    def _keep_first(self) -> None:
        """Something else is about to take the painting's place."""
        if self.canvas.changed:
            self.say(self.keep())

    def _play(self) -> None:
        self._keep_first()
        self.to_play = painted(self.canvas.pixels, self.manifest, self.theme)
        self.outcome = Outcome.MENU

    def _begin_from(self, path: Path) -> None:
        """A picture was dropped on the window: it is the board now."""
        try:
            picture = open_painting(path, self.manifest)
        except BadInput as error:
            self.say(str(error))
            return
        self._keep_first()
        self.canvas.put(picture, 0, 0)

    def _put(self) -> None:
        if self.piece is not None:
            self.canvas.put(self.piece, *self.cursor)

    def _choose(self, way: int) -> None:
        if self.stamps:
            self.stamp = (self.stamp + way) % len(self.stamps) if self._taken is None else self.stamp
        self._taken = None
        self._snap()

    def _move(self, down: int, right: int) -> None:
        step = 1 if self.fine else patch_side(self.manifest)
        self._place(self.cursor[0] + down * step, self.cursor[1] + right * step)

    def _place(self, top: int, left: int) -> None:
        """Move the cursor, as far as the picture goes."""
        side, manifest = self.side, self.manifest
        self.cursor = max(0, min(top, manifest.height - side)), max(0, min(left, manifest.width - side))

    def _snap(self) -> None:
        """Onto the grid of patches, unless single pixels are wanted."""
        step = 1 if self.fine else patch_side(self.manifest)
        self._place(self.cursor[0] // step * step, self.cursor[1] // step * step)

    def _mouse(self, event: pygame.event.Event) -> None:
        if event.type == pygame.MOUSEWHEEL:
            self._choose(-1 if event.y > 0 else 1)
        elif event.type == pygame.MOUSEBUTTONUP:
            self._dragging = False
        elif event.type == pygame.MOUSEMOTION:
            if self._point(event.pos) and self._dragging:
                self._put()
        elif event.button == 1:
            self._click(event.pos)
        elif event.button == 3 and self._point(event.pos):
            self.do(Deed.TAKE)

    def _click(self, place: tuple[int, int]) -> None:
        for number, rect in self._places.stamps.items():
            if rect.collidepoint(place):
                self.stamp, self._taken = number, None
        for deed, rect in self._places.deeds.items():
            if rect.collidepoint(place):
                self.do(Deed(deed))
        if self._point(place):
            self._dragging = True
            self._put()

    def _point(self, place: tuple[int, int]) -> bool:
        """Move the cursor under the mouse. False where that isn't over the canvas."""
        canvas = self._places.canvas
        if not canvas.collidepoint(place):
            return False
        pixel = canvas.width // self.manifest.width
        half = (self.side - 1) // 2 if self.fine or self.side > patch_side(self.manifest) else 0
        top, left = (place[1] - canvas.top) // pixel - half, (place[0] - canvas.left) // pixel - half
        self.cursor = top, left
        self._snap()
        return True

    def draw(self) -> None:
        """One picture, flipped."""
        scale, now = self.window.ui_scale, self._clock()
        draw_backdrop(self.window.surface, scale, self.window.look.moving(now - self._opened))
        view = View(
            title=f"paint {self.manifest.title}",
            board=self.boards[self.board][0],
            pixels=self.canvas.pixels,
            piece=self.piece,
            cursor=self.cursor,
            side=self.side,
            stamps=self.stamps,
            chosen=None if self._taken is not None else self.stamp,
            message=self._notice.line,
            pads=self.pads.connected,
            fine=self.fine,
        )
        self._places = draw_painter(self.window.surface, scale, view, self._picture)
        pygame.display.flip()
