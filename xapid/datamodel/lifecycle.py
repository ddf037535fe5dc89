"""When parts of the API appeared, changed and went: the releases that clients and documentation speak of."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Lifecycle:
    """Release names or version numbers, each the first in which the step was taken; ``None`` if it was not."""

    prototyped: str | None = None
    published: str | None = None
    extended: str | None = None
    changed: str | None = None
    deprecated: str | None = None
    removed: str | None = None

    def steps(self) -> dict[str, str]:
        """The steps taken, by name, in the order of an API element's life."""
        return {name: release for name, release in attrs.asdict(self).items() if release is not None}


UNPUBLISHED = Lifecycle()


def since(release: str | Lifecycle) -> Lifecycle:
    """A release name stands for an element published then and untouched since."""
    return release if isinstance(release, Lifecycle) else Lifecycle(published=release)
