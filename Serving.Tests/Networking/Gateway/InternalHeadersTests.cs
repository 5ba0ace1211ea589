using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Networking;
using Serving.Benchmarks.Soak;
using Serving.Networking.Gateway.Proxying;
using static Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Networking.Gateway;

/// <summary>Headers that clients must not set.</summary>
[CancelAfter(60_000)]
public sealed class InternalHeadersTests : GatewayFixture
{
    [TestCase("K-Proxy-Request", true)]
    [TestCase("k-network-probe", true)]
    [TestCase("K_Proxy_Request", true)]
    [TestCase("K-Anything", true)]
    [TestCase("KNATIVE-SERVING-REVISION", true)]
    [TestCase("Knative_Serving_Tag", true)]
    [TestCase("Knative-", true)]
    [TestCase("Knative", false)]
    [TestCase("Knatives-Own", false)]
    [TestCase("Kn-Own", false)]
    [TestCase("X-K-Proxy-Request", false)]
    [TestCase("Keep", false)]
    [TestCase("K", false)]
    public void Knows_the_names(string name, bool isInternal) => InternalHeaders.Is(name).Should().Be(isInternal);

    [Test]
    public async Task Takes_them_off_on_both_listeners_before_it_adds_its_own([Values] bool external, [Values("1.1", "2.0")] string version)
    {
        await Gateway.RouteAsync("echo.test", EchoAsync);
        using var request = Request("echo.test", to: external ? Gateway.External : Gateway.ClusterLocal);
        request.Version = Version.Parse(version);
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        foreach (
            var name in (string[])
                [
                    "K-Proxy-Request",
                    "k-original-host",
                    "K_Proxy_Request",
                    "K-Kubelet-Probe",
                    "K-Network-Hash",
                    "K-Network-Probe",
                    "K-Passthrough-Lb",
                    "K-New",
                    "Knative-Serving-Revision",
                    "Knative-Serving-Namespace",
                    "Knative-Serving-Tag",
                    "Knative-Serving-Default-Route",
                    "knative-direct-lb",
                ]
        )
        {
            request.Headers.TryAddWithoutValidation(name, ["activator", "queue"]);
        }

        request.Headers.Add("X-Own", "kept");
        using var response = await Http.SendAsync(request);

        (await response.Content.ReadAsStringAsync())
            .Split('\n')
            .Should()
            .BeEquivalentTo("knative-serving-namespace: default", "knative-serving-revision: echo", "x-own: kept");
    }

    [Test]
    public async Task Leaves_the_tag_header_where_tags_are_chosen_by_it()
    {
        var backend = await Gateway.BackendAsync(EchoAsync);
        Gateway.Cluster.PutService("tagged");
        Gateway.Cluster.PutEndpoints("tagged", backend.Endpoints[0]);
        var byTag = To("tagged") with
        {
            Headers = new Dictionary<string, HeaderMatch> { ["Knative-Serving-Tag"] = new() { Exact = "blue" } },
        };
        var byDefault = To("tagged") with { AppendHeaders = new Dictionary<string, string> { ["Knative-Serving-Default-Route"] = "true" } };
        Gateway.Cluster.PutIngress("tagged", Rule("tagged.test", byTag, byDefault));
        await Gateway.RoutedAsync("tagged");

        (await AskAsync("blue")).Should().Contain("knative-serving-tag: blue").And.NotContain("default-route");
        (await AskAsync("unknown")).Should().Contain("knative-serving-tag: unknown").And.Contain("knative-serving-default-route: true");

        async Task<string> AskAsync(string tag)
        {
            using var request = Request("tagged.test");
            request.Headers.Add("Knative-Serving-Tag", tag);
            request.Headers.Add("Knative-Serving-Default-Route", "false");
            using var response = await Http.SendAsync(request);
            return await response.Content.ReadAsStringAsync();
        }
    }

    [TestCase(0, "", "http", true)]
    [TestCase(0, "https", "https", true)]
    [TestCase(1, "https", "https", false)]
    [TestCase(1, "http", "http", true)]
    [TestCase(1, "https, http", "https, http", true)]
    [TestCase(2, "http, https, http", "http", false)]
    public async Task Redirects_by_the_connection_or_what_a_trusted_proxy_says_and_never_by_what_a_client_claims(
        int hops,
        string forwardedProto,
        string claimed,
        bool redirected
    )
    {
        await using var behind = await RunningGateway.StartAsync(options: RunningGateway.Options with { TrustedHops = hops });
        await behind.RouteAsync("secure.test", EchoAsync);
        var ingress = behind.Cluster.Find(Resources.Ingresses, "default", "secure")!;
        behind.Cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with { Generation = 2 },
                Spec = ingress.Spec with { HttpOption = "Redirected" },
            }
        );
        await behind.RoutedAsync("secure");
        using var client = await RawHttp2.ConnectAsync(behind.External);

        List<(string, string)> headers =
        [
            (":method", "GET"),
            (":scheme", claimed is "http" ? "http" : "https"),
            (":path", "/"),
            (":authority", "secure.test"),
        ];
        if (forwardedProto.Length != 0)
            headers.Add(("x-forwarded-proto", forwardedProto));
        await client.RequestAsync(1, [.. headers]);
        await client.Response(1).Ended.WaitAsync(TimeSpan.FromSeconds(20));

        client.Response(1).Status.Should().Be(redirected ? 301 : 200);
    }

    [Test]
    public async Task An_absolute_target_is_routed_by_its_host()
    {
        await Gateway.RouteAsync("echo.test", EchoAsync);
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(Gateway.External);
        await client.GetStream().WriteAsync("GET http://echo.test/a HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n"u8.ToArray());

        (await new StreamReader(client.GetStream()).ReadToEndAsync()).Should().StartWith("HTTP/1.1 200");
    }

    private static Task EchoAsync(HttpContext context) =>
        context.Response.WriteAsync(
            string.Join(
                '\n',
                context
                    .Request.Headers.Where(static header =>
                        header.Key.StartsWith('k')
                        || header.Key.StartsWith('K')
                        || header.Key.Equals("X-Own", StringComparison.OrdinalIgnoreCase)
                    )
                    .Select(static header => $"{header.Key.ToLowerInvariant()}: {header.Value}")
            )
        );
}
