"""A model of malformed input in which only what cannot be read is absent, so that all other rules still run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from gitops_infra.topology.translate import is_list, keys, model_in, nearest

M = TypeVar("M", bound=BaseModel)


def draft(model: type[M], data: object) -> M:
    """The model with every field that can be read.

    A field that is malformed, missing, or probably meant by an unknown key is absent: reading it raises an
    AttributeError, which `skip_unreadable` turns into silence, since a problem of that field is reported already.
    """
    if isinstance(data, model):
        return data
    given = {key: value for key, value in data.items() if value is not None} if isinstance(data, Mapping) else None
    values: dict[str, Any] = {}
    if given is not None:
        fields = model.model_fields
        unknown = [key for key in given if key not in keys(model)]
        meant = {nearest(key, fields) for key in unknown if isinstance(key, str)}
        for name, field in fields.items():
            key = field.alias if field.alias in given else name
            if key in given:
                values |= _readable(model, name, given[key])
            elif not field.is_required() and name not in meant:
                values[name] = field.get_default(call_default_factory=True)
    result = model.model_construct(**values)
    for name in set(model.model_fields) - set(values):
        result.__dict__.pop(name, None)
    return result


@contextmanager
def skip_unreadable() -> Iterator[None]:
    """Ends the block quietly where it reads a field of a draft that could not be read."""
    try:
        yield
    except AttributeError as error:
        if not (isinstance(error.obj, BaseModel) and error.name in type(error.obj).model_fields):
            raise


def _readable(model: type[BaseModel], name: str, value: object) -> dict[str, Any]:
    """The field with its value, or nothing."""
    annotation = model.model_fields[name].annotation
    inner = model_in(annotation)
    if inner is not None and is_list(annotation):
        return {name: [draft(inner, item) for item in value]} if isinstance(value, (list, tuple)) else {}
    if inner is not None:
        return {name: draft(inner, value)} if isinstance(value, (Mapping, inner)) else {}
    try:
        return {name: _adapter(model, name).validate_python(value)}
    except ValidationError:
        if _is_mapping_of_text(model, name) and isinstance(value, Mapping):
            return {name: {key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}}
        return {}


def _is_mapping_of_text(model: type[BaseModel], name: str) -> bool:
    annotation = model.model_fields[name].annotation
    return any(
        get_origin(part) is dict and get_args(part) == (str, str) for part in (annotation, *get_args(annotation))
    )


@lru_cache(maxsize=256)
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    annotation: Any = model.model_fields[name].annotation
    # Arguments of components hold values that are known only while the program runs.
    return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
