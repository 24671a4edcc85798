"""The former name of `richspace_core.markdown`."""

from .markdown import markdown_table

__all__ = ["markdown_table"]
