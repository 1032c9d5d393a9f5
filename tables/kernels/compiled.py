"""How a kernel is declared:

@compiled("void(f8[::1], i8)")
def kernel(values: Doubles, count: int) -> None: ...
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba

from tables.kernels.kept_code import CompiledCodeCache, code_folder

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def compiled(signature: str) -> Callable[[Callable[Parameters, Answer]], Callable[Parameters, Answer]]:
    """Compiles a function for one signature in numba's notation, or loads what was compiled before. Calls with other
    types raise TypeError. With NUMBA_DISABLE_JIT=1 the function stays Python."""

    def compile_or_load(function: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        kernel: Any = numba.njit(function, error_model="numpy")
        if kernel is not function:
            folder = code_folder(Path(inspect.getfile(function)).parent)
            kernel._cache = CompiledCodeCache(f"{function.__module__}.{function.__qualname__}", folder)
            kernel.compile(signature)
            kernel.disable_compile()
        return kernel  # type: ignore[no-any-return]

    return compile_or_load


def part_of_kernels(function: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """A function that kernels call; it is compiled with each of them."""
    part: Any = numba.njit(function, error_model="numpy")
    return part  # type: ignore[no-any-return]
