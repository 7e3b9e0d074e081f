import IngressModel

extension ClusterDescription {
  /// What ``standardText`` is called in findings.
  public static let standardName = "cluster.yaml"

  /// The cluster of the network report: three nodes, the application, pods for measuring, names and an ingress.
  public static func standard() throws(ClusterDescriptionError) -> ClusterDescription {
    try read(texts: [.init(name: standardName, text: standardText)])
  }

  /// The standard cluster's file, with comments: one to start from.
  public static let standardText = #"""
    # A cluster of network namespaces on one machine: three nodes, three replicas of an application, pods to measure
    # from, names, and an ingress. Edit it and give it to 'svs cluster up'.
    #
    # The first document is the cluster itself; the others are manifests, as kubectl would take them.

    # Begins the names of network namespaces: k8s-master, k8s-node1, k8s-sample-webapp-1, ...
    name: k8s

    nodes:
    # A node of this role gets only pods that ask for it.
    - name: master
      address: 192.168.77.51
      role: control-plane
    - name: node1
      address: 192.168.77.52
    - name: node2
      address: 192.168.77.53

    networks:
      # What the nodes are on; the outside client too.
      nodes: 192.168.77.0/24
      # The pods'. These keys are those of flannel's net-conf.json; Type is vxlan or host-gw.
      pods:
        Network: 10.244.0.0/16
        Backend:
          Type: vxlan
      # The cluster IPs'.
      services: 10.96.0.0/12

    domain: cluster.local

    # The host that is not part of the cluster.
    outside: 192.168.77.100

    # Where deployments run, and what runs in their place. Each is in a manifest below, or is made here.
    deployments:
    - name: centos-perf
      nodes: [node1, node2]
      # Nothing runs in it: commands are run inside.
      program: none
    - name: traefik
      namespace: ingress-traefik
      nodes: [node1]
    ---
    # The application under test.
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: sample-webapp
    spec:
      replicas: 3
      selector:
        matchLabels: {app: sample-webapp}
      template:
        metadata:
          labels: {app: sample-webapp}
        spec:
          containers:
          - name: sample-webapp
            image: sample-webapp
            ports:
            - containerPort: 8000
    ---
    apiVersion: v1
    kind: Service
    metadata:
      name: sample-webapp
    spec:
      type: NodePort
      clusterIP: 10.98.210.117
      selector: {app: sample-webapp}
      ports:
      - port: 8000
        nodePort: 30800
    ---
    # Pods to measure from.
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: centos-perf
      labels:
        app: perf
    spec:
      replicas: 2
      selector:
        matchLabels:
          app: perf
      template:
        metadata:
          labels:
            app: perf
        spec:
          containers:
          - name: perf
            image: centos79-perftools:20230425
            command: ["/bin/bash", "-c", "while true; do sleep 10000; done"]
    ---
    # The cluster's DNS server.
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: coredns
      namespace: kube-system
    spec:
      replicas: 2
      selector:
        matchLabels: {k8s-app: kube-dns}
      template:
        metadata:
          labels: {k8s-app: kube-dns}
        spec:
          containers:
          - name: coredns
            image: coredns
            ports:
            - {containerPort: 53, name: dns, protocol: UDP}
            - {containerPort: 53, name: dns-tcp, protocol: TCP}
    ---
    apiVersion: v1
    kind: Service
    metadata:
      name: kube-dns
      namespace: kube-system
    spec:
      clusterIP: 10.96.0.10
      selector: {k8s-app: kube-dns}
      ports:
      - {name: dns, port: 53, protocol: UDP, targetPort: dns}
      - {name: dns-tcp, port: 53, protocol: TCP, targetPort: dns-tcp}
    ---
    # The ingress. Its hostPort is port 80 of every node, for those outside.
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: traefik
      namespace: ingress-traefik
    spec:
      replicas: 1
      selector:
        matchLabels: {app: traefik}
      template:
        metadata:
          labels: {app: traefik}
        spec:
          containers:
          - name: traefik
            image: traefik
            ports:
            - {containerPort: 80, hostPort: 80, name: web}
            - {containerPort: 8080, name: status}
    ---
    apiVersion: v1
    kind: Service
    metadata:
      name: traefik
      namespace: ingress-traefik
    spec:
      type: NodePort
      selector: {app: traefik}
      ports:
      - {name: web, port: 80, targetPort: web, nodePort: 30080}
      - {name: status, port: 8080, targetPort: status, nodePort: 30880}
    ---
    # What the ingress does with requests. Hosts: its own status page, Locust's page, the application.
    apiVersion: traefik.containo.us/v1alpha1
    kind: IngressRoute
    metadata:
      name: traefik-dashboard-route
      namespace: ingress-traefik
    spec:
      entryPoints:
      - web
      routes:
      - kind: Rule
        match: Host(`traefik.test.com`)
        services:
        - name: traefik
          port: 8080
      - kind: Rule
        match: Host(`locust.test.com`)
        services:
        - name: locust-master
          namespace: default
          port: 8089
      - kind: Rule
        match: Host(`sample-webapp.test.com`)
        services:
        - name: sample-webapp
          namespace: default
          port: 8000
    ---
    # Locust's master; scale it to 1 for a load from there.
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: locust-master
    spec:
      replicas: 0
      selector:
        matchLabels: {app: locust-master}
      template:
        metadata:
          labels: {app: locust-master}
          annotations:
            svs.program: locust --master --locustfile {folder}/locustfile.py --web-port 8089 --master-bind-port 5557
        spec:
          containers:
          - name: locust
            image: locustio/locust
            ports:
            - {containerPort: 8089, name: web}
            - {containerPort: 5557, name: workers}
    ---
    apiVersion: v1
    kind: Service
    metadata:
      name: locust-master
    spec:
      selector: {app: locust-master}
      ports:
      - {name: web, port: 8089, targetPort: web}
      - {name: workers, port: 5557, targetPort: workers}

    """#
}
