using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Autoscaler;
using Serving.Host.Health;
using Serving.Host.Metrics;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Autoscaler;
using Serving.Tests.Networking.Gateway;
using Serving.Tests.QueueProxy;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Host;

/// <summary>Every error response of every server of ours has a line of text that says why.</summary>
[CancelAfter(60_000)]
[Category("Slow")]
[Parallelizable]
internal sealed class ErrorTextTests : IProcessHealth
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(40) };

    public IReadOnlyList<string> Parts { get; } = ["webhook"];

    public PartHealth? Readiness(string part) => new(part, "the certificate is not in place yet");

    public PartHealth? Liveness(string part) => Readiness(part);

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [Test]
    public async Task Of_the_sidecar()
    {
        using var sidecar = QueueProxyProcess.Start(
            FreePorts.Next(),
            ("OBSERVABILITY_CONFIG", """{"requestMetrics":{"protocol":"prometheus"}}""")
        );
        await Eventually.HoldsAsync(async () => (await _client.GetAsync(sidecar.Admin)).Dispose(), TimeSpan.FromSeconds(30));

        await SaysWhyAsync(404, sidecar.Admin);
        await SaysWhyAsync(404, sidecar.Stats);
        await SaysWhyAsync(404, sidecar.UserMetrics);
        await SaysWhyAsync(502, sidecar.Serving);
        await SaysWhyAsync(502, sidecar.Serving, "POST");
        await SaysWhyAsync(503, sidecar.Serving, headers: [("K-Network-Probe", "queue"), ("User-Agent", "kube-probe/1.30")]);
        await SaysWhyAsync(400, sidecar.Serving, headers: [("K-Network-Probe", "other"), ("User-Agent", "kube-probe/1.30")]);
        await SaysWhyAsync(400, sidecar.Serving, headers: [("K-Network-Probe", "probe")]);
    }

    [Test]
    public async Task Of_the_gateway()
    {
        await using var gateway = await RunningGateway.StartAsync();
        gateway.Cluster.PutService("empty");
        gateway.Cluster.PutIngress("empty", Networking.Gateway.Cluster.Rule("empty.test", Networking.Gateway.Cluster.To("empty")));
        await gateway.RoutedAsync("empty");
        var address = new Uri($"http://{gateway.External}/");

        await SaysWhyAsync(404, address);
        await SaysWhyAsync(404, address, headers: [("Host", "other.test")]);
        await SaysWhyAsync(503, address, headers: [("Host", "empty.test")]);
        await SaysWhyAsync(400, address, headers: [("Host", "empty.test"), ("K-Network-Probe", "probe")]);
    }

    [Test]
    public async Task Of_the_autoscaler()
    {
        await using var server = await RunningStatistics.StartAsync(new AutoscalerOptions(IPAddress.Loopback, 0), static (_, _) => { });

        await SaysWhyAsync(400, new Uri($"http://127.0.0.1:{server.Port}/"));
    }

    [Test]
    public async Task Of_metrics_and_health()
    {
        using var metrics = new MetricsEndpoint(null, TimeProvider.System);
        await using var ports = await ServedPorts.StartAsync(services =>
        {
            services.AddLogging();
            services.AddSingleton<IProcessHealth>(this).AddProbes(new IPEndPoint(IPAddress.Loopback, 0)).AddPort(_ => metrics.Port);
        });
        await metrics.OpenAsync(ports.Listeners, new IPEndPoint(IPAddress.Loopback, FreePorts.Next()), default);

        await SaysWhyAsync(404, new Uri($"http://{metrics.Address}/"));
        await SaysWhyAsync(404, new Uri($"http://{ports["health"]}/"));
        await SaysWhyAsync(405, new Uri($"http://{ports["health"]}/readyz"), "POST");
        await SaysWhyAsync(503, new Uri($"http://{ports["health"]}/readyz"));
        await SaysWhyAsync(405, new Uri($"http://{metrics.Address}/metrics"), "POST");
    }

    [TestCase("GET", "/none", 404)]
    [TestCase("GET", "/defaulting", 405)]
    [TestCase("POST", "/defaulting", 415)]
    public async Task Of_the_webhook(string method, string path, int status)
    {
        using var server = new AdmissionEndpoints(
            new Dictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>>
            {
                ["/defaulting"] = static (_, _) => throw new InvalidOperationException("not reached"),
            },
            NullLoggerFactory.Instance,
            TimeProvider.System
        );
        using var body = new MemoryStream();
        var http = new DefaultHttpContext { Request = { Method = method, Path = path }, Response = { Body = body } };

        await server.HandleAsync(http);

        http.Response.StatusCode.Should().Be(status);
        body.Length.Should().BeGreaterThan(10);
    }

    private async Task SaysWhyAsync(int status, Uri address, string method = "GET", params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await _client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        ((int)response.StatusCode).Should().Be(status, "{0} {1} {2}: {3}", method, address, string.Join(' ', headers), text);
        text.Trim().Length.Should().BeGreaterThan(10, "{0} {1} {2}", method, address, string.Join(' ', headers));
    }
}
