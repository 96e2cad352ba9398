"""What every page brings to the browser for keyboards, screen readers and contrast; read once per server."""

from pathlib import Path


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


STYLE = f"<style>{_read('accessible.css')}</style>"
SCRIPT = f"<script data-accessible>{_read('accessible.js')}</script>"
