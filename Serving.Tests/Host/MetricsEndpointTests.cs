using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Host.Metrics;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Deploy;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary>Scrapes over real HTTP, judged by a real API server with roles.</summary>
public sealed class MetricsEndpointTests
{
    private ServedPorts _ports = null!;

    [TearDown]
    public Task StopAsync() => _ports.DisposeAsync().AsTask();

    [Test]
    public async Task A_port_that_is_taken_is_reported_and_can_be_opened_when_it_is_free()
    {
        using var metrics = new MetricsEndpoint(null, TimeProvider.System);
        _ports = await ServedPorts.StartAsync(metrics.Port, Other());
        var address = new IPEndPoint(IPAddress.Loopback, FreePorts.Next());
        using (var holder = new System.Net.Sockets.TcpListener(address))
        {
            holder.Start();
            var open = () => metrics.OpenAsync(_ports.Listeners, address, default);
            (await open.Should().ThrowAsync<IOException>()).Which.Message.Should().Contain($"{address}");
        }

        await metrics.OpenAsync(_ports.Listeners, address, default);
        using var http = new HttpClient();
        (await http.GetAsync($"http://{address}/metrics")).StatusCode.Should().Be(HttpStatusCode.OK);
        await metrics.CloseAsync(_ports.Listeners, default);
        var closed = () => http.GetAsync($"http://{address}/metrics");
        await closed.Should().ThrowAsync<HttpRequestException>();
    }

    [Test]
    public async Task Without_a_guard_everybody_reads_in_clear_text()
    {
        using var metrics = new MetricsEndpoint(null, TimeProvider.System);
        var address = await OpenAsync(metrics);
        using var http = new HttpClient();

        using var response = await http.GetAsync($"http://{address}/metrics");
        using var other = await http.GetAsync($"http://{address}/other");

        response.Content.Headers.ContentType!.ToString().Should().StartWith("text/plain; version=0.0.4");
        (await response.Content.ReadAsStringAsync()).Should().Contain("# TYPE dotnet_gc_collections_total counter");
        other.StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await other.Content.ReadAsStringAsync()).Should().Be("not found; metrics are at /metrics\n");
    }

    [TestCase("gzip", true)]
    [TestCase("deflate, GZIP;q=0.5", true)]
    [TestCase("*", true)]
    [TestCase("gzip;q=0.5, identity;q=0.5", true)]
    [TestCase("gzip;q=0.4, identity;q=0.5", false)]
    [TestCase("gzip;q=0, *", false)]
    [TestCase("br", false)]
    [TestCase("", false)]
    public async Task Compresses_for_those_who_accept_it(string accepted, bool compressed)
    {
        using var metrics = new MetricsEndpoint(null, TimeProvider.System);
        var address = await OpenAsync(metrics);
        using var handler = new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None };
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{address}/metrics");
        if (accepted.Length > 0)
            request.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);

        using var response = await http.SendAsync(request);

        response.Headers.Vary.Should().Equal("Accept", "Accept-Encoding");
        response.Content.Headers.ContentEncoding.Should().Equal(compressed ? ["gzip"] : []);
        var body = await response.Content.ReadAsStreamAsync();
        using var plain = new StreamReader(compressed ? new GZipStream(body, CompressionMode.Decompress) : body);
        (await plain.ReadToEndAsync()).Should().Contain("# TYPE dotnet_gc_collections_total counter").And.EndWith("\n");
        using var head = new HttpRequestMessage(HttpMethod.Head, $"http://{address}/metrics");
        head.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip");
        using var headers = await http.SendAsync(head);
        headers.Content.Headers.ContentEncoding.Should().Equal("gzip");
    }

    [Test]
    public async Task With_a_guard_only_an_account_with_the_role_reads_and_only_over_TLS()
    {
        await using var cluster = await RunningServer.StartAsync();
        await InstallAsync(cluster);
        var credential = new FixedCredential(await cluster.TokenAsync("knative-serving", "serving-dataplane"));
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(cluster.Server.KubeconfigPath) with { Credential = credential });
        using var guard = new ScrapeGuard(client, TimeProvider.System, NullLogger<ScrapeGuard>.Instance);
        using var metrics = new MetricsEndpoint(guard, TimeProvider.System);
        var address = await OpenAsync(metrics);
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, made, _, _) =>
            made?.Subject.Contains("127.0.0.1", StringComparison.Ordinal) == true;
        using var http = new HttpClient(handler);

        async Task<HttpStatusCode> ScrapeAsync(string? token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"https://{address}/metrics");
            request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
            using var response = await http.SendAsync(request);
            var body = await response.Content.ReadAsStringAsync();
            body.Should().NotBeEmpty("every error says why");
            body.Contains("dotnet_gc", StringComparison.Ordinal).Should().Be(response.StatusCode == HttpStatusCode.OK);
            return response.StatusCode;
        }

        (await ScrapeAsync(null)).Should().Be(HttpStatusCode.Unauthorized);
        (await ScrapeAsync("forged")).Should().Be(HttpStatusCode.Unauthorized);
        (await ScrapeAsync(await cluster.TokenAsync("knative-serving", "stranger"))).Should().Be(HttpStatusCode.Forbidden);
        (await ScrapeAsync(await cluster.TokenAsync("knative-serving", "prometheus"))).Should().Be(HttpStatusCode.OK);
        var plain = () => http.GetAsync($"http://{address}/metrics");
        await plain.Should().ThrowAsync<HttpRequestException>();
    }

    private async Task<IPEndPoint> OpenAsync(MetricsEndpoint metrics)
    {
        _ports = await ServedPorts.StartAsync(metrics.Port, Other());
        var address = new IPEndPoint(IPAddress.Loopback, FreePorts.Next());
        await metrics.OpenAsync(_ports.Listeners, address, default);
        return address;
    }

    private static ServingPort Other() => new("other", new IPEndPoint(IPAddress.Loopback, 0)) { Serve = static _ => { } };

    /// <summary>The roles of the install, as the account that runs apart has them, and an account that scrapes.</summary>
    private static async Task InstallAsync(RunningServer cluster)
    {
        await PostAsync(cluster, "/api/v1/namespaces", """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"knative-serving"}}""");
        foreach (var account in new[] { "serving-dataplane", "prometheus", "stranger" })
        {
            await PostAsync(
                cluster,
                "/api/v1/namespaces/knative-serving/serviceaccounts",
                $$"""{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"{{account}}"} }"""
            );
        }

        foreach (
            var item in RenderedManifest
                .Read("serving-split.yaml")
                .Where(item => item.Metadata.Name is "knative-serving-dataplane" or "knative-serving-metrics-reader")
        )
        {
            if (item.Kind is "ClusterRole" or "ClusterRoleBinding")
            {
                await PostAsync(cluster, $"/apis/rbac.authorization.k8s.io/v1/{item.Kind.ToLowerInvariant()}s", item.Document.GetRawText());
            }
        }

        await PostAsync(
            cluster,
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            """
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"prometheus"},
             "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"knative-serving-metrics-reader"},
             "subjects":[{"kind":"ServiceAccount","name":"prometheus","namespace":"knative-serving"}]}
            """
        );
    }

    private static async Task PostAsync(RunningServer cluster, string path, string body)
    {
        var (code, answer) = await cluster.PostAsync(path, body);
        code.Should().Be(201, answer.ToJsonString());
    }
}
