"""Runs generated source code as a module, and makes its classes save their spec with their config."""

from __future__ import annotations

import copy
import hashlib
import linecache
import sys
import threading
import warnings
import weakref
from collections.abc import Mapping
from dataclasses import asdict
from types import ModuleType
from typing import Any

import keras
from keras.src.saving import object_registration

from archdsl.codegen.module import extra_classes, to_python
from archdsl.diagrams import notebook
from archdsl.errors import fail
from archdsl.keras import layers
from archdsl.keras.saved_spec import CARRIED, checked_spec
from archdsl.limits import DEFAULTS
from archdsl.spec import Spec
from archdsl.version import __version__

# Keras warns of every mask that reaches a nested model, and passes the mask on all the same.
_NESTED = r"Layer '\w+' \(of type (Functional|Sequential)\) was passed an input with a mask"
warnings.filterwarnings("ignore", _NESTED, UserWarning)

REGISTERED = "archdsl>Spec"
"""The name under which all generated classes are registered with Keras."""

DATA = "archdsl_data"
"""The attribute of a model that describes its preprocessing: plain data, saved in the config next to the spec.

A classifier of images has the fields of version 0.1: `source` (name of the data set), `classes` (class names), `shape`
(height, width, channels), `largest` (value of a white pixel, usually 255), `divisor` (of raw pixels), `mean` and `std`
(lists of one number, or of one per channel, for pixels after the division; or None), `test_time` (arguments of the
recipe's `test_time`, or None), and `output` (name of the output that classifies, if there are several). Any other model
has `source`, `test_time`, `inputs` and `targets` (what encodes each input and explains each target, by name), and
`heads` (which output predicts which target). `archdsl.data.input_description` reads both.
"""


def compile_spec(spec: Spec) -> ModuleType:
    """Generate the module of a spec, once for each text. It is released when nothing refers to it or its classes.

    Its source is the output of `eject`, and visible to `inspect.getsource` and in tracebacks. Thread-safe.
    """
    name = "archdsl_generated_" + hashlib.sha256(f"{spec.variant}\n{spec.text}".encode()).hexdigest()[:16]
    with _COMPILING:
        module = _modules.get(name)
        if module is None:
            module = _modules[name] = _generate(spec, name)
        return module


_COMPILING = threading.RLock()
"""Held while a module is generated, so no thread can see an incomplete one."""

_modules: weakref.WeakValueDictionary[str, ModuleType] = weakref.WeakValueDictionary()


def _generate(spec: Spec, name: str) -> ModuleType:
    module = ModuleType(name, f"Generated from the spec {spec.name}.")
    module.__file__ = f"<{name}.py>"
    # Functions refer to the namespace of their module, not to the module. This entry lets them keep it alive.
    module.__dict__["__archdsl_module__"] = module
    source = to_python(spec)
    registered = dict(object_registration.GLOBAL_CUSTOM_OBJECTS)
    try:
        exec(compile(source, module.__file__, "exec"), module.__dict__)
    finally:
        _unregister(name, registered)
    # Saved models refer to the package's own classes, which are the same for all specs.
    module.__dict__.update({extra: getattr(layers, extra) for extra in extra_classes() if hasattr(module, extra)})
    for class_name in (*spec.layers, spec.name):
        _carry_spec(getattr(module, class_name), spec)
        _show(getattr(module, class_name), spec, class_name)
    for class_name in spec.layers:
        # `copy_weights` looks into such layers in any model.
        getattr(module, class_name)._archdsl_generated = True
    lines = (len(source), None, source.splitlines(keepends=True), module.__file__)
    reference = _ModuleReference(module)
    linecache.cache[module.__file__] = lines
    sys.modules[name] = reference
    weakref.finalize(module, _release, name, reference, lines).atexit = False
    return module


class _ModuleReference(ModuleType):
    """A weak reference to a generated module in `sys.modules`, for `inspect` and `pickle`."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module.__name__, module.__doc__)
        self.__file__ = module.__file__
        self._module = weakref.ref(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module(), name)


def _release(name: str, reference: ModuleType, lines: tuple[Any, ...]) -> None:
    # Without the lock, because this runs during garbage collection. Another module of that name may exist by now.
    if sys.modules.get(name) is reference:
        sys.modules.pop(name, None)
    if linecache.cache.get(f"<{name}.py>") is lines:
        linecache.cache.pop(f"<{name}.py>", None)


def _unregister(name: str, before: Mapping[str, Any]) -> None:
    """Undo what a generated module registered with Keras, which would keep each class alive forever.

    Args:
        before: the earlier registrations. They are restored, such as the user's class of the same name from an ejected
            module.
    """
    objects, names = object_registration.GLOBAL_CUSTOM_OBJECTS, object_registration.GLOBAL_CUSTOM_NAMES
    for key in [key for key, value in list(objects.items()) if value.__module__ == name]:
        if key in before:
            objects[key] = before[key]
        else:
            del objects[key]
    for key in [key for key in list(names) if key.__module__ == name]:
        del names[key]


def _carry_spec(generated: Any, spec: Spec) -> None:
    """Add the spec to the configs of a class, and remove it when Keras creates an instance from one."""
    own_config = generated.get_config
    own_making = generated.from_config.__func__
    more: dict[str, Any] = {"version": __version__} | ({"variant": spec.variant} if spec.variant else {})
    more |= {"limits": asdict(spec.limits)} if spec.limits != DEFAULTS else {}
    registration = _Registration()

    def get_config(self: Any) -> dict[str, Any]:
        config = dict(own_config(self))
        config[CARRIED] = {"spec": spec.text, "class": type(self).__name__} | more
        if (data := carried_data(self)) is not None:
            config[CARRIED]["data"] = data
        if type(self) is generated:
            registration.hold(self)
        return config

    def from_config(cls: Any, /, config: dict[str, Any], **kwargs: Any) -> Any:
        made = own_making(cls, {key: value for key, value in config.items() if key != CARRIED}, **kwargs)
        if isinstance(carried := config.get(CARRIED), dict) and isinstance(carried.get("data"), dict):
            carry_data(made, carried["data"])
        return made

    get_config.__doc__ = own_config.__doc__
    generated.get_config = get_config
    generated.from_config = classmethod(from_config)


class _Registration:
    """Registers a class with Keras while an instance exists whose config was requested.

    Keras looks up the name after requesting the config. Its own decorator would keep the class and its module alive
    forever, and would replace the loader in other threads.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._instances: weakref.WeakSet[Any] = weakref.WeakSet()
        self._count = 0

    def hold(self, instance: Any) -> None:
        with self._lock:
            if instance not in self._instances:
                self._instances.add(instance)
                self._count += 1
                weakref.finalize(instance, self._let_go, type(instance)).atexit = False
            object_registration.GLOBAL_CUSTOM_NAMES[type(instance)] = REGISTERED

    def _let_go(self, generated: type) -> None:
        with self._lock:
            self._count -= 1
            if not self._count:
                object_registration.GLOBAL_CUSTOM_NAMES.pop(generated, None)


def carry_data(model: keras.Model, data: Mapping[str, Any]) -> None:
    """Attach the preprocessing (see `DATA`) to a model; it is saved with the model if archdsl generated its class."""
    # Bypasses Keras, which wraps mappings to track weights in them.
    object.__setattr__(model, DATA, copy.deepcopy(dict(data)))


def carried_data(model: keras.Model) -> dict[str, Any] | None:
    """The preprocessing of a model (see `DATA`), or None."""
    carried = getattr(model, DATA, None)
    return copy.deepcopy(carried) if isinstance(carried, dict) else None


def _show(generated: Any, spec: Spec, name: str) -> None:
    """Define how notebooks display instances of a class."""

    def _repr_mimebundle_(self: Any, **_: Any) -> dict[str, str]:
        return notebook.instance_bundle(self, spec, name)

    generated._repr_mimebundle_ = _repr_mimebundle_


class _Loader:
    """The class that Keras finds under the registered name when it opens a file. It compiles the spec in the config."""

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("a loader is never saved")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Create an instance of the class that the config names."""
        spec, name = checked_spec(config)
        generated = getattr(compile_spec(spec), name, None)
        if not (isinstance(generated, type) and issubclass(generated, keras.Layer)):
            raise fail("ARCH204", f"the saved spec has no layer `{name}`")
        maker: Any = generated
        return maker.from_config(config)


keras.saving.register_keras_serializable(package="archdsl", name="Spec")(_Loader)
for _earlier, _extra in {"LowestPadding2D": "LowestPadding", "CoveringMaxPooling2D": "CoveringMaxPooling"}.items():
    # Their names in files of version 0.1.
    keras.saving.register_keras_serializable(package="archdsl_extra", name=_earlier)(getattr(layers, _extra))
for _extra in extra_classes():
    keras.saving.register_keras_serializable(package="archdsl_extra")(getattr(layers, _extra))
