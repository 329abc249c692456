"""Where the children of one component go, and with which options."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi


@dataclass(frozen=True)
class Placement:
    """Names and options of one component's children."""

    parent: pulumi.Resource
    name: str
    """Prefix of every logical name."""
    retain: bool
    """Whether destroy keeps what is registered here. Credentials ignore it: they are always revoked."""
    after: pulumi.ResourceOptions
    """Holds what the caller's `depends_on` says: Pulumi orders a component by it, but not the children."""
    inside: pulumi.Resource | None = None
    """The application's repository, where destroy really deletes that and with it all that is in it."""

    @classmethod
    def of(
        cls, parent: pulumi.Resource, name: str, opts: pulumi.ResourceOptions | None, *, retain: bool
    ) -> "Placement":
        """The placement of a component that was made with these options."""
        given = opts or pulumi.ResourceOptions()
        return cls(
            parent,
            name,
            retain=retain or bool(given.retain_on_delete),
            after=pulumi.ResourceOptions(depends_on=given.depends_on),
        )

    def child(self, suffix: str) -> str:
        """The logical name of a child."""
        return f"{self.name}-{suffix}"

    def within(self, repository: pulumi.Resource | None) -> "Placement":
        """The same placement, whose children need no call of their own when destroy deletes `repository`.

        None: it is not deleted. It must say `retain_on_delete=False` itself, else a wrapping component could retain it
        unseen, and what is in it would live on.
        """
        return replace(self, inside=repository)

    def options(
        self,
        *after: pulumi.Resource,
        deleted_with: pulumi.Resource | None = None,
        ignore_changes: Sequence[str] = (),
    ) -> pulumi.ResourceOptions:
        """Options of a child that destroy keeps or deletes like the rest.

        `deleted_with` spares the call that deletes a part of something which is deleted as a whole. It is left out
        when the whole is retained: the engine would then never delete the part.
        """
        return self._merged(
            pulumi.ResourceOptions(
                parent=self.parent,
                depends_on=list(after),
                # None, not False: a wrapping component that is retained hands its setting down.
                retain_on_delete=True if self.retain else None,
                deleted_with=None if self.retain else (deleted_with or self.inside),
                ignore_changes=list(ignore_changes) or None,
            )
        )

    def deleted(self, *after: pulumi.Resource, ignore_changes: Sequence[str] = ()) -> pulumi.ResourceOptions:
        """Options of what the topology says that destroy deletes, whatever a wrapping component retains."""
        return self._merged(
            pulumi.ResourceOptions(
                parent=self.parent,
                depends_on=list(after),
                retain_on_delete=False,
                ignore_changes=list(ignore_changes) or None,
            )
        )

    def taken_over(self, import_id: str, *, ignore_changes: Sequence[str]) -> pulumi.ResourceOptions:
        """Options of what exists already and is read into the state as it is: changed only where it is named."""
        return self._merged(
            pulumi.ResourceOptions(
                parent=self.parent,
                import_=import_id,
                retain_on_delete=True,
                ignore_changes=list(ignore_changes),
            )
        )

    def nested(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a component inside this one: later than `after`, and retained at least when this one is."""
        return self._merged(
            pulumi.ResourceOptions(
                parent=self.parent, depends_on=list(after), retain_on_delete=True if self.retain else None
            )
        )

    def renamed(self, options: pulumi.ResourceOptions, *former: str) -> pulumi.ResourceOptions:
        """The options of a child that had other names before; what is inside of it follows."""
        if not former:
            return options
        aliases = [pulumi.Alias(name=self.child(name)) for name in former]
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(aliases=aliases))

    @staticmethod
    def moved_in(options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """The options of a child that `pulumi state move` may have brought: without its parent, which stayed behind."""
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(aliases=[pulumi.Alias(parent=None)]))

    def written_once(self, *after: pulumi.Resource, ignore_changes: Sequence[str]) -> pulumi.ResourceOptions:
        """Options of a child that is made once and then belongs to its users: never changed, never deleted."""
        return self._merged(
            pulumi.ResourceOptions(
                parent=self.parent,
                depends_on=list(after),
                retain_on_delete=True,
                ignore_changes=list(ignore_changes),
            )
        )

    def revoked(
        self, *after: pulumi.Resource, hooks: pulumi.ResourceHookBinding | None = None
    ) -> pulumi.ResourceOptions:
        """Options of a credential: deleted by destroy whatever else is kept.

        False is said explicitly, since the engine hands a parent's retain down. It goes with nothing but the
        application's repository, of which it is sure that it is deleted: with any other target, which a wrapping
        component may retain unseen, the credential would live on.
        """
        return self._merged(
            pulumi.ResourceOptions(
                parent=self.parent,
                depends_on=list(after),
                retain_on_delete=False,
                deleted_with=self.inside,
                hooks=hooks,
            )
        )

    def at_once(self) -> pulumi.ResourceOptions:
        """Options of a key pair: it is worth nothing until its public half is registered, so it waits for nothing."""
        return pulumi.ResourceOptions(parent=self.parent, retain_on_delete=False)

    def _merged(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        # What a child is said to come after was registered here or in a nested component, so it carries the caller's
        # `depends_on` already. Each repeated dependency costs time in a big program.
        return options if options.depends_on else pulumi.ResourceOptions.merge(self.after, options)


def itself(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Options of a component itself: those it was given, without `depends_on`, which every child carries.

    With it, the component would be registered only when all of that exists, and its children one step later still.
    """
    own = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions())
    own.depends_on = None
    return own
