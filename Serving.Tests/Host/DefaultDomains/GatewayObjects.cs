using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Host.DefaultDomains;

/// <summary>The gateway's Service, pods and nodes in a test's cluster.</summary>
internal static class GatewayObjects
{
    public const string Namespace = "knative-serving";

    public static readonly ResourceType<Unstructured> Nodes = Unstructured.Type("", "v1", "nodes", "Node", namespaced: false);

    private static readonly Dictionary<string, string> Labels = new() { ["app"] = "serving", ["gateway"] = "true" };

    /// <summary>The Service with the addresses of its load balancer, each an IP address or a host name.</summary>
    public static void PutGateway(this InMemoryCluster cluster, string type, params string[] balancer) =>
        cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = Namespace, Name = "gateway" },
                Spec = new CoreServiceSpec
                {
                    Type = type,
                    Selector = Labels,
                    Ports =
                    [
                        new ServicePort
                        {
                            Name = "https",
                            Port = 443,
                            TargetPort = 8444,
                            NodePort = type == "ClusterIP" ? null : 30443,
                        },
                        new ServicePort
                        {
                            Name = "http2",
                            Port = 80,
                            TargetPort = 8081,
                            NodePort = type == "ClusterIP" ? null : 30080,
                        },
                    ],
                },
                Status = new CoreServiceStatus
                {
                    LoadBalancer = new LoadBalancerStatus
                    {
                        Ingress =
                        [
                            .. balancer.Select(text =>
                                System.Net.IPAddress.TryParse(text, out _)
                                    ? new LoadBalancerAddress { Ip = text }
                                    : new LoadBalancerAddress { Hostname = text }
                            ),
                        ],
                    },
                },
            }
        );

    /// <summary>A pod of the gateway.</summary>
    public static void PutPod(
        this InMemoryCluster cluster,
        string name = "serving-a",
        string node = "node-a",
        bool ready = true,
        int? hostPort = null
    ) =>
        cluster.Put(
            Resources.Pods,
            new Pod
            {
                Metadata = new ObjectMeta
                {
                    Namespace = Namespace,
                    Name = name,
                    Labels = Labels,
                },
                Spec = new PodSpec
                {
                    NodeName = node,
                    Containers =
                    [
                        new Container
                        {
                            Name = "serving",
                            Ports = [new ContainerPort { Number = 8443 }, new ContainerPort { Number = 8081, HostPort = hostPort }],
                        },
                    ],
                },
                Status = new PodStatus { Conditions = [new Condition { Type = "Ready", Status = ready ? "True" : "False" }] },
            }
        );

    /// <summary>A node with addresses, such as <c>InternalIP=10.0.0.1</c>.</summary>
    public static void PutNode(this InMemoryCluster cluster, string name, params string[] addresses) =>
        cluster.Put(Nodes, new Unstructured(Node(name, addresses)));

    /// <summary>The JSON of <see cref="PutNode"/>.</summary>
    public static JsonObject Node(string name, params string[] addresses) =>
        new()
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Node",
            ["metadata"] = new JsonObject { ["name"] = name },
            ["status"] = new JsonObject
            {
                ["addresses"] = new JsonArray([
                    .. addresses
                        .Select(static address => address.Split('='))
                        .Select(static pair => new JsonObject { ["type"] = pair[0], ["address"] = pair[1] }),
                ]),
            },
        };

    /// <summary>config-domain with an example and the given data.</summary>
    public static void PutDomains(this InMemoryCluster cluster, params (string Domain, string Value)[] data) =>
        cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                Metadata = new ObjectMeta { Namespace = Namespace, Name = "config-domain" },
                Data = data.Append((Domain: "_example", Value: "example.com: ''"))
                    .ToDictionary(entry => entry.Domain, entry => entry.Value),
            }
        );

    /// <summary>The data of config-domain but for the example.</summary>
    public static Dictionary<string, string> Domains(this InMemoryCluster cluster) =>
        cluster
            .Find(Resources.ConfigMaps, Namespace, "config-domain")!
            .Data.Where(entry => entry.Key != "_example")
            .ToDictionary(entry => entry.Key, entry => entry.Value);

    public static KubernetesException Failure(int code, string reason, string message) =>
        new(
            "test",
            new Status
            {
                State = "Failure",
                Code = code,
                Reason = reason,
                Message = message,
            }
        );
}
