"""All that pyproject.toml cannot say: a wheel takes Streamlit's configuration with it."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithConfiguration(build_py):
    """Copies `.streamlit/config.toml`, which lies outside of every package, to where `app/command.py` finds it."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        shutil.copy(
            Path(__file__).parent / ".streamlit" / "config.toml", Path(self.build_lib) / "app" / "streamlit.toml"
        )


setup(cmdclass={"build_py": WithConfiguration})
