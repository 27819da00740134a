"""The operating system's window. Owns opening, size, full screen, integer scaling; refuses content and keys."""

from __future__ import annotations

import os
import sys
from importlib.resources import as_file, files

import pygame

from app.drawing.look import Look
from models.manifest import BadInput

PICTURE = 128  # game pixels; the size that a new window is planned for
DEFAULT_SIZE = (1152, 768)  # when the desktop's size isn't known
DISPLAY_SERVERS = ("DISPLAY", "WAYLAND_DISPLAY")
UNSEEN_DRIVERS = ("offscreen", "dummy")
SMALLEST = (320, 240)


def find_display(instead: str = "play with --headless") -> str:
    """Start the video system and name its driver. Raises BadInput where nobody could see a window.

    SDL falls back to drawing into memory; that counts only where SDL_VIDEODRIVER asks for it. A Linux without a display
    server isn't even tried: its libraries would complain on stderr in words of their own. `instead` is advice on how to
    do without.
    """
    chosen = os.environ.get("SDL_VIDEODRIVER")
    reason = "no display server is running"
    if chosen or not sys.platform.startswith("linux") or any(os.environ.get(name) for name in DISPLAY_SERVERS):
        try:
            pygame.display.init()
            driver = pygame.display.get_driver()
            if chosen or driver not in UNSEEN_DRIVERS:
                return driver
            pygame.display.quit()
        except pygame.error as error:
            reason = str(error)
    raise BadInput(f"display: expected a screen to open a window on, found none ({reason}); {instead}")


def lost_display(error: pygame.error) -> BadInput:
    """What SDL's error means in the middle of the program: the screen has gone."""
    return BadInput(f"display: expected the window to stay, but it was lost ({error})")


def planned_size(desktop: tuple[int, int], scale: int | None) -> tuple[int, int]:
    """Size of a new window: the picture times an integer, a quarter of it free on each side."""
    width, height = desktop
    fitting = min(width * 4 // 5 * 2 // (3 * PICTURE), height * 4 // 5 // PICTURE)
    pixel = scale or max(3, fitting)
    return max(SMALLEST[0], PICTURE * pixel * 3 // 2), max(SMALLEST[1], PICTURE * pixel)


def fit_picture(area: pygame.Rect, picture: tuple[int, int]) -> pygame.Rect:
    """The largest integer multiple of `picture` (W, H) inside `area`, centred; one to one where none fits."""
    width, height = picture
    pixel = max(1, min(area.width // width, area.height // height))
    fitted = pygame.Rect(0, 0, width * pixel, height * pixel)
    fitted.center = area.center
    return fitted


class Window:
    """One resizable window with a software surface."""

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        scale: int | None = None,
        fullscreen: bool = False,
        instead: str = "play with --headless",
    ) -> None:
        """Open it. Raises BadInput, which ends with `instead`: advice on how to do without a window."""
        find_display(instead)
        self._instead = instead
        self.look = Look()
        desktops = pygame.display.get_desktop_sizes()
        self._size = size or planned_size(desktops[0] if desktops else DEFAULT_SIZE, scale)
        self.fullscreen = fullscreen
        pygame.display.set_caption("Dreamcade")
        with as_file(files("assets").joinpath("icons", "dreamcade.bmp")) as icon:
            pygame.display.set_icon(pygame.image.load_basic(icon))
        self._open()
        pygame.key.set_repeat()  # held keys are tracked, not repeated

    def _open(self) -> None:
        try:
            if self.fullscreen:
                pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
            else:
                pygame.display.set_mode(self._size, pygame.RESIZABLE)
        except pygame.error as error:
            raise BadInput(f"display: expected a window to open, got {error}; {self._instead}") from error
        pygame.mouse.set_visible(not self.fullscreen)

    @property
    def surface(self) -> pygame.Surface:
        """What is drawn on; a new one after a resize."""
        surface = pygame.display.get_surface()
        assert surface is not None, "the window is open as long as this object lives"
        return surface

    @property
    def rect(self) -> pygame.Rect:
        """The whole window."""
        return self.surface.get_rect()

    @property
    def ui_scale(self) -> int:
        """Screen pixels a font pixel, for this window's size and the player's eyes."""
        plain = max(1, min(self.rect.width // 480, self.rect.height // 320))
        return self.look.text_pixels(plain, self.rect.size)

    def toggle_fullscreen(self) -> None:
        """Between a window and the whole screen."""
        if not self.fullscreen:
            self._size = self.rect.size
        self.fullscreen = not self.fullscreen
        self._open()

    def close(self) -> None:
        """Give the screen back."""
        pygame.display.quit()
