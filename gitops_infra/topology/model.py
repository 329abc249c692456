"""Base of every model that users write."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Model(BaseModel):
    """Plain, frozen values. Unknown keys are refused; an explicit null means "not given".

    Pulumi infers its schema from these classes, so their modules use no postponed annotations,
    `Literal`, `Annotated` or `SecretStr`, and a field with a default is written `Optional`. A key that is a word
    of Python has an underscore behind it there, as in Pulumi's own `import_`, and none in YAML.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data
