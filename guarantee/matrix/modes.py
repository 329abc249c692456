"""The isolation modes that are measured."""

from enum import StrEnum


class Mode(StrEnum):
    """How the environments' credentials are kept apart."""

    REPOSITORY = "repository"
    APPS = "branch-apps"
    MACHINE_USERS = "branch-users"
    SHARED = "shared"
