"""ditlaw: what your compute will buy when you train a diffusion transformer.

``load``, ``fit``, ``forecast``, ``compare``, ``plan`` and ``run`` do what the commands of these
names do; each is imported when it is first used. See docs/python.md.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = [
    "BadInput",
    "Error",
    "Law",
    "Observations",
    "Refused",
    "compare",
    "fit",
    "forecast",
    "load",
    "plan",
    "read_exports",
    "run",
]

if TYPE_CHECKING:
    from ditlaw.api import compare, fit, forecast, load, plan, read_exports, run
    from ditlaw.errors import BadInput, Refused
    from ditlaw.errors import DitlawError as Error
    from ditlaw.laws import Law
    from ditlaw.observations import Observations
else:  # hidden from type checkers, which would believe in any name

    def __getattr__(name):
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module 'ditlaw' has no attribute '{name}'")
        homes = {"Law": "laws", "Observations": "observations"}
        homes |= dict.fromkeys(("BadInput", "Error", "Refused"), "errors")
        module = import_module(f"ditlaw.{homes.get(name, 'api')}")
        return getattr(module, "DitlawError" if name == "Error" else name)

    def __dir__():
        return [*globals(), *__all__]
