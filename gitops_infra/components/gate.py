"""Outputs that carry an order with them."""

from collections.abc import Iterable
from typing import TypeVar

import pulumi

_T = TypeVar("_T")


def after(value: pulumi.Input[_T], resources: Iterable[pulumi.Resource]) -> pulumi.Output[_T]:
    """The value, known once the resources exist; whatever takes it as an input depends on all of them.

    A program that passes such an output on is in the right order without saying so. The URN is what is waited
    for: it is known in a preview too, so the value never shows there as unknown.
    """
    return pulumi.Output.all(value, *[resource.urn for resource in resources]).apply(lambda values: values[0])
