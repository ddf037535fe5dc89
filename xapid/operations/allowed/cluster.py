"""Which operations clusters and their members allow. Serves ``allowed_operations`` of Cluster and Cluster_host."""

from __future__ import annotations

from xapid.operations.allowed.rules import Facts, Rule, Rules, one_at_a_time

CLUSTER: Rules[Facts] = Rules("Cluster", ("add", "remove", "enable", "disable", "destroy"), Facts, (Rule(one_at_a_time),))
CLUSTER_HOST: Rules[Facts] = Rules("Cluster_host", ("enable", "disable", "destroy"), Facts, (Rule(one_at_a_time),))
