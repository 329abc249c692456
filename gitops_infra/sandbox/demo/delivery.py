"""The chapters in which environment branches become live in clusters."""

import base64
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitops_infra.agents.flux import git_secret_name
from gitops_infra.audit.kubeconfigs import Kubeconfigs
from gitops_infra.plan import model
from gitops_infra.plan.build import plan as plan_topology
from gitops_infra.sandbox.client import KeyCredential
from gitops_infra.sandbox.cluster.folder import NAMES
from gitops_infra.sandbox.demo.cast import CONFIG_MAP, MAINTAINER
from gitops_infra.sandbox.demo.clusters import Looker, ReadyLater
from gitops_infra.sandbox.demo.failure import DemoFailed
from gitops_infra.sandbox.demo.story import Story

if TYPE_CHECKING:
    from gitops_infra.sandbox.cluster.clusters import Clusters


class Delivery:
    """Clusters join the story: each follows its environment's branch, and nothing else."""

    def __init__(self, story: Story, later: ReadyLater) -> None:
        self.story, self.screen, self.later = story, story.screen, later
        self.clusters: Clusters | None = None

    def tell(self) -> None:
        """Everything, in order. Raises DemoFailed when an outcome is not what was promised."""
        self._add_clusters()
        self._deliver()
        self._try_the_clusters_key()

    def kubeconfigs(self) -> Kubeconfigs:
        """Those of the clusters, and nobody else's. Raises DemoFailed before there are any."""
        if self.clusters is None:
            raise DemoFailed("there are no clusters")
        return Kubeconfigs({each.name: each.kubeconfig_file for each in self.clusters}, environment={})

    def check_what_is_left(self) -> None:
        """After the teardown: nothing of staging, and production as it was."""
        with self.screen.step("clusters after the teardown") as notes:
            for name, kept in (("staging", False), ("production", True)):
                tenant = self._of(name).tenant
                with self._looking_into(tenant.cluster) as cluster:
                    there = cluster.config_map(tenant.namespace, CONFIG_MAP) is not None
                if there is not kept:
                    raise DemoFailed(f"{CONFIG_MAP} is {'still' if there else 'no longer'} in the cluster of {name}")
            notes.append("staging is empty again, production runs on")

    def _add_clusters(self) -> None:
        self.screen.chapter("Clusters: a real API server with Flux for each environment")
        with self.screen.step(f"clusters {', '.join(NAMES)}, made meanwhile"):
            self.clusters = self.later.wait(self.screen)
        story = self.story
        story.topology = story.cast.topology({cluster.name: cluster.receiver_url for cluster in self.clusters})
        story.plan = plan_topology(story.topology)
        story.kubeconfigs = {cluster.name: cluster.kubeconfig for cluster in self.clusters}
        with self.screen.step("pulumi up: namespace, least rights, read-only key, source, webhook") as notes:
            notes.append(story.made_by_up())

    def _deliver(self) -> None:
        self.screen.chapter("A push to an environment branch is live in its cluster, and in no other")
        story = self.story
        with self.screen.step(f"a change, reviewed by {MAINTAINER} and merged") as notes:
            sha = story.merge_a_change()
            notes.append(f"{story.cast.default_branch} is {sha[:12]}, release {story.release}")
        untouched = set(NAMES)
        for promotion in story.plan.promotions:
            environment, delivery = story.plan.environment(promotion.target), self._of(promotion.target)
            event = "workflow_dispatch" if environment.policy.approvers else "push"
            with self.screen.step(f"{promotion.target}: its credential moves {delivery.branch}") as notes:
                grant = story.job(promotion.target, event, notes)
                with (
                    self._looking_into(delivery.tenant.cluster) as cluster,
                    ThreadPoolExecutor(1) as watching,
                ):
                    seen = watching.submit(
                        cluster.until, delivery.tenant.namespace, CONFIG_MAP, "RELEASE", story.release
                    )
                    story.run_promotion(promotion, grant, sha)
                    live = seen.result()
                    if live is None:
                        why = cluster.why_not(delivery.tenant.namespace)
                        raise DemoFailed(f"{sha} is not live in {promotion.target}: {why}")
                notes.append(f"live {live - self._pushed(delivery, sha):.2f} s after the push")
            untouched.discard(delivery.tenant.cluster)
            self._only_there(untouched, promotion.target)

    def _try_the_clusters_key(self) -> None:
        self.screen.chapter("A compromised cluster: the key that it holds can write nowhere")
        story, delivery = self.story, self._of("staging")
        with self.screen.step("the key of staging's cluster, taken from its Secret") as notes:
            with self._looking_into(delivery.tenant.cluster) as cluster:
                found = cluster.secret(delivery.tenant.namespace, git_secret_name(delivery))
            key = KeyCredential(base64.b64decode(found["identity"]).decode(), story.sandbox.known_hosts)
            own = story.sandbox.ssh_url(delivery.key.repository)
            if not story.clone.read(own, key).allowed:
                raise DemoFailed("the key of staging's cluster cannot read its branch")
            commit = story.clone.commit(story.head(), "From the cluster", {"stolen.txt": "x"})
            for repository in story.plan.repositories:
                url = story.sandbox.ssh_url(repository.full_name)
                story.refused(story.clone.push(url, f"{commit}:refs/heads/{delivery.branch}", key))
            notes.append(f"reads its own branch; {len(story.plan.repositories)} pushes, all refused")

    def _only_there(self, others: set[str], target: str) -> None:
        for name in sorted(others):
            with self._looking_into(name) as cluster:
                found = [cluster.config_map(space, CONFIG_MAP) for space in cluster.namespaces()]
            if any((data or {}).get("RELEASE") == self.story.release for data in found):
                raise DemoFailed(f"{self.story.release} is live in cluster {name}, and was promoted to {target} only")
        self.screen.say(f"not in cluster {' and not in cluster '.join(sorted(others))}")

    def _pushed(self, delivery: model.Delivery, sha: str) -> float:
        """When the forge took the push, in seconds since the epoch."""
        ref = f"refs/heads/{delivery.branch}"
        return next(
            (push.at for push in reversed(self.story.sandbox.pushes) if (push.ref, push.after) == (ref, sha)),
            time.time(),
        )

    def _of(self, environment: str) -> model.Delivery:
        found = self.story.plan.environment(environment).delivery
        if found is None:
            raise DemoFailed(f"{environment} is in no cluster")
        return found

    @contextmanager
    def _looking_into(self, name: str) -> Iterator[Looker]:
        if self.clusters is None:
            raise DemoFailed("there are no clusters")
        looker = Looker(self.clusters, name)
        try:
            yield looker
        finally:
            looker.close()
