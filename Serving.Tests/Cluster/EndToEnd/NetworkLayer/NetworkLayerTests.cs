using System.Net;
using System.Text.Json;
using FluentAssertions;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Networking.Gateway;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.EndToEnd.NetworkLayer;

/// <summary>The base of the network layer tests, which create Ingresses and send requests like Knative's ingress conformance
/// suite.</summary>
public abstract class NetworkLayerTests
{
    /// <summary>The header that shows which part of the Ingress a request matched.</summary>
    protected const string Which = "Which-Backend";

    /// <summary>The timeout of any step on a busy machine.</summary>
    protected static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private const string ClassAnnotation = "networking.knative.dev/ingress.class";

    private protected static TestCluster Cluster => Backends.Cluster;

    /// <summary>A unique external host.</summary>
    private protected static string NewHost() => $"{NewName()}.example.test";

    /// <summary>A unique name.</summary>
    private protected static string NewName() => $"t{Guid.NewGuid().ToString("N")[..10]}";

    /// <summary>The Service name of a cluster-local host.</summary>
    private protected static string HostInside(string name) => $"{name}.{Backends.Namespace}.svc.cluster.local";

    /// <summary>Creates an Ingress with rules, and waits until it is ready.</summary>
    private protected static Task<Ingress> RouteAsync(params IngressRule[] rules) =>
        RouteAsync(Cluster, Backends.Namespace, new IngressSpec { Rules = rules });

    /// <summary>Creates an Ingress, and waits until it is ready.</summary>
    private protected static async Task<Ingress> RouteAsync(TestCluster cluster, string ns, IngressSpec spec) =>
        await ReadyAsync(
            cluster,
            await CreateAsync(cluster, ns, spec, new Dictionary<string, string> { [ClassAnnotation] = GatewayOptions.DefaultIngressClass })
        );

    /// <summary>Creates an Ingress with a class, or none.</summary>
    private protected static Task<Ingress> CreateOfClassAsync(string? ingressClass, IngressRule rule) =>
        CreateAsync(
            Cluster,
            Backends.Namespace,
            new IngressSpec { Rules = [rule] },
            ingressClass is null ? new Dictionary<string, string>() : new Dictionary<string, string> { [ClassAnnotation] = ingressClass }
        );

    /// <summary>Replaces the rules of an Ingress, and waits until the new ones are routed.</summary>
    private protected static async Task<Ingress> UpdateAsync(Ingress ingress, params IngressRule[] rules)
    {
        var current = await Cluster.Client.GetAsync(Resources.Ingresses, Backends.Namespace, ingress.Metadata.Name, CancellationToken.None);
        return await ReadyAsync(
            Cluster,
            await Cluster.Client.UpdateAsync(
                Resources.Ingresses,
                current with
                {
                    Spec = current.Spec with { Rules = rules },
                },
                CancellationToken.None
            )
        );
    }

    private protected static IngressRule Rule(string host, params HttpIngressPath[] paths) => Rule([host], paths);

    private protected static IngressRule Rule(string[] hosts, params HttpIngressPath[] paths) =>
        new()
        {
            Hosts = hosts,
            Visibility = "ExternalIP",
            Http = new HttpIngressRuleValue { Paths = paths },
        };

    /// <summary>A path whose requests all go to one Service.</summary>
    private protected static HttpIngressPath To(string service, string path = "") => new() { Path = path, Splits = [Share(service)] };

    /// <summary>A path whose requests all go to one Service, with its name as <see cref="Which"/>.</summary>
    private protected static HttpIngressPath ToNamed(string service, string path = "") =>
        new() { Path = path, Splits = [Named(service, 100)] };

    private protected static IngressBackendSplit Share(string service, int percent = 100) =>
        new()
        {
            ServiceNamespace = Backends.Namespace,
            ServiceName = service,
            ServicePort = 80,
            Percent = percent,
        };

    private protected static IngressBackendSplit Named(string service, int percent) =>
        Share(service, percent) with
        {
            AppendHeaders = new Dictionary<string, string> { [Which] = service },
        };

    /// <summary>Percentages of ten Services that double from 1 % on; the seventh gets the rest of 100 %, the others none.</summary>
    private protected static IngressBackendSplit[] DoublingShares()
    {
        var shares = new IngressBackendSplit[Backends.WebCount];
        for (int index = 0, percent = 1, total = 0; index < shares.Length; index++)
        {
            shares[index] = Named(Backends.Web(index), percent);
            total += percent;
            percent = Math.Min(percent * 2, 100 - total);
        }

        return shares;
    }

    /// <summary>Sends a request to a host and returns it as the web server received it.</summary>
    private protected static Task<SeenRequest> AskAsync(string host, string path = "/", params (string Name, string Value)[] headers) =>
        AskAsync(Cluster.Gateway, host, path, headers);

    private protected static async Task<SeenRequest> AskAsync(
        HttpClient client,
        string host,
        string path = "/",
        params (string Name, string Value)[] headers
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value).Should().BeTrue();
        }

        using var response = await client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        response.StatusCode.Should().Be(HttpStatusCode.OK, body);
        return SeenRequest.Parse(body);
    }

    /// <summary>Sends many requests and counts them by the matched part of the Ingress, from <see cref="Which"/>.</summary>
    private protected static async Task<IReadOnlyDictionary<string, int>> CountAsync(int requests, Func<Task<SeenRequest>> ask)
    {
        const int atOnce = 8;
        var seen = await Task.WhenAll(
            Enumerable
                .Range(0, atOnce)
                .Select(async _ =>
                {
                    var own = new List<string>();
                    for (var request = 0; request < requests / atOnce; request++)
                    {
                        own.Add((await ask()).Header(Which));
                    }

                    return own;
                })
        );
        return seen.SelectMany(static own => own).CountBy(static which => which).ToDictionary();
    }

    /// <summary>Asserts that requests were split by the percentages, with a tolerance of ten percent of all.</summary>
    private protected static void Follow(IReadOnlyDictionary<string, int> counts, IReadOnlyList<IngressBackendSplit> shares)
    {
        var total = counts.Values.Sum();
        foreach (var share in shares)
        {
            var count = counts.GetValueOrDefault(share.ServiceName);
            if (share.Percent == 0)
            {
                count.Should().Be(0, "{0} has no share", share.ServiceName);
            }
            else
            {
                (100.0 * count / total).Should().BeApproximately(share.Percent, 10, "that is the share of {0}", share.ServiceName);
            }
        }
    }

    private static Task<Ingress> CreateAsync(
        TestCluster cluster,
        string ns,
        IngressSpec spec,
        IReadOnlyDictionary<string, string> annotations
    ) =>
        cluster.Client.CreateAsync(
            Resources.Ingresses,
            new Ingress
            {
                Metadata = new ObjectMeta
                {
                    Namespace = ns,
                    Name = NewName(),
                    Annotations = annotations,
                },
                Spec = spec,
            },
            CancellationToken.None
        );

    private static async Task<Ingress> ReadyAsync(TestCluster cluster, Ingress written)
    {
        var ready = written;
        await Eventually.HoldsAsync(
            async () =>
            {
                ready = await cluster.Client.GetAsync(
                    Resources.Ingresses,
                    written.Metadata.Namespace,
                    written.Metadata.Name,
                    CancellationToken.None
                );
                ready.Status.ObservedGeneration.Should().Be(ready.Metadata.Generation);
                ready.Status.Conditions.Should().Contain(static condition => condition.Type == "Ready" && condition.Status == "True");
            },
            Limit
        );
        return ready;
    }

    /// <summary>A request as received by the backend.</summary>
    private protected sealed record SeenRequest(string Protocol, string Host, IReadOnlyDictionary<string, string> Headers)
    {
        public static SeenRequest Parse(string json)
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            return new SeenRequest(
                root.GetProperty("protocol").GetString()!,
                root.GetProperty("host").GetString()!,
                root.GetProperty("headers")
                    .EnumerateObject()
                    .ToDictionary(static header => header.Name, static header => header.Value.GetString()!)
            );
        }

        /// <summary>The value of a header; empty if it is absent.</summary>
        public string Header(string name) => Headers.GetValueOrDefault(name.ToLowerInvariant(), "");
    }
}
