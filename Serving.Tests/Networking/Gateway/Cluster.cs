using System.Net;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Gateway;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Gateway;

/// <summary>Creates the objects of gateway tests in an in-memory cluster.</summary>
internal static class Cluster
{
    public static ClusterEnvironment Environment { get; } =
        new("knative-serving", "cluster.local", "serving-0", IPAddress.Parse("127.0.0.1"));

    public static Ingress PutIngress(this InMemoryCluster cluster, string name, params IngressRule[] rules) =>
        cluster.Put(Resources.Ingresses, NewIngress(name, rules));

    public static Ingress NewIngress(string name, params IngressRule[] rules) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Namespace = "default",
                Name = name,
                Annotations = new Dictionary<string, string>
                {
                    ["networking.knative.dev/ingress.class"] = GatewayOptions.DefaultIngressClass,
                },
            },
            Spec = new IngressSpec { Rules = rules },
        };

    public static IngressRule Rule(string host, params HttpIngressPath[] paths) =>
        new()
        {
            Hosts = [host],
            Visibility = "ExternalIP",
            Http = new HttpIngressRuleValue { Paths = paths },
        };

    public static HttpIngressPath To(string service, int port = 80) => new() { Splits = [Share(service, 100, port)] };

    public static IngressBackendSplit Share(string service, int percent, int port = 80) =>
        new()
        {
            ServiceNamespace = "default",
            ServiceName = service,
            ServicePort = port,
            Percent = percent,
            AppendHeaders = new Dictionary<string, string>
            {
                ["Knative-Serving-Namespace"] = "default",
                ["Knative-Serving-Revision"] = service,
            },
        };

    public static void PutService(this InMemoryCluster cluster, string name, string portName = "http", int port = 80) =>
        cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = name },
                Spec = new CoreServiceSpec { Ports = [new ServicePort { Name = portName, Port = port }] },
            }
        );

    public static void PutEndpoints(this InMemoryCluster cluster, string name, params IPEndPoint[] addresses) =>
        cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = name },
                Subsets =
                [
                    .. addresses.Select(static address => new EndpointSubset
                    {
                        Addresses = [new EndpointAddress { Ip = address.Address.ToString() }],
                        Ports =
                        [
                            new EndpointPort { Name = "other", Port = 1 },
                            new EndpointPort { Name = "http", Port = address.Port },
                            new EndpointPort { Name = "http2", Port = address.Port },
                        ],
                    }),
                ],
            }
        );
}
