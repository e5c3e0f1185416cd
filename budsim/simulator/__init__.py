"""From a request and a cluster to ranked deployments: topology, search, ranking, and the service around them."""
