using System.Net;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using NUnit.Framework;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Host;
using Serving.Host.Composition;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Gateway;
using Serving.Observability.Logging;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Host;

/// <summary>The ports of a running process, before an API server of its own: one application, and each port has its own paths.</summary>
public sealed class PortsTests
{
    private static readonly string[] Paths =
    [
        "/readyz",
        "/livez",
        "/metrics",
        "/defaulting",
        "/resource-validation",
        "/config-validation",
        "/",
    ];

    private static readonly string[] All = ["health", "metrics", "admission", "statistics"];

    /// <summary>What is found where; at the statistics port any path is one of its own, and asks for a WebSocket.</summary>
    private static readonly Dictionary<string, string[]> Own = new()
    {
        ["health"] = ["/readyz", "/livez"],
        ["metrics"] = ["/metrics"],
        ["admission"] = ["/defaulting", "/resource-validation", "/config-validation"],
    };

    private readonly CancellationTokenSource _stop = new();
    private readonly ProcessLogging _logging = new(new LogOptions { Output = Stream.Null });
    private RunningServer _cluster = null!;
    private ControlPlane _plane = null!;
    private Task _running = Task.CompletedTask;
    private HttpClient _http = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _cluster = await RunningServer.StartAsync();
        var metrics = FreePorts.Next();
        await PostAsync("/api/v1/namespaces", """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"knative-serving"}}""");
        await PostAsync(
            "/api/v1/namespaces/knative-serving/configmaps",
            $$"""
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"config-observability"},"data":{"metrics-protocol":"prometheus","metrics-endpoint":"127.0.0.1:{{metrics}}"} }
            """
        );
        _plane = Create(new IPEndPoint(IPAddress.Loopback, 0));
        _running = _plane.RunAsync(_stop.Token);
        var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, made, _, _) =>
            made?.Subject.Contains("webhook", StringComparison.Ordinal) == true;
        _http = new HttpClient(handler);
        await Eventually.HoldsAsync(
            () =>
            {
                _running.IsFaulted.Should().BeFalse();
                All.Select(EndPointOf).Should().OnlyContain(static at => at.Port > 0);
            },
            TimeSpan.FromSeconds(60)
        );
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _plane.DisposeAsync();
        await _cluster.DisposeAsync();
        _http.Dispose();
        _logging.Dispose();
        _stop.Dispose();
    }

    [TestCase("health", "http")]
    [TestCase("metrics", "http")]
    [TestCase("admission", "https")]
    public async Task A_port_serves_its_own_paths_whatever_host_a_request_names(string port, string scheme)
    {
        await Eventually.HoldsAsync(
            async () => (await GetAsync(port, scheme, Own[port][0], null)).Should().NotBe(HttpStatusCode.NotFound),
            TimeSpan.FromSeconds(60)
        );
        foreach (var path in Paths)
        {
            foreach (var other in All)
            {
                var code = await GetAsync(port, scheme, path, $"{EndPointOf(other)}");

                (code != HttpStatusCode.NotFound)
                    .Should()
                    .Be(Own[port].Contains(path), "{0} at the {1} port, as if it were the {2} port", path, port, other);
            }
        }
    }

    [Test]
    public async Task The_statistics_port_takes_WebSockets_alone()
    {
        await Eventually.HoldsAsync(async () =>
        {
            foreach (var path in Paths)
            {
                (await GetAsync("statistics", "http", path, $"{EndPointOf("health")}")).Should().Be(HttpStatusCode.BadRequest);
            }
        });
    }

    [Test]
    public async Task A_port_that_is_taken_ends_a_start_with_its_address()
    {
        var taken = EndPointOf("health");
        await using var second = Create(taken);

        var start = () => second.RunAsync(CancellationToken.None);

        (await start.Should().ThrowAsync<UserErrorException>()).Which.Message.Should().Contain($"{taken}");
    }

    private IPEndPoint EndPointOf(string port) =>
        _plane.Services.GetServices<ServingPort>().Single(one => one.Name == port).EndPoint
        ?? throw new InvalidOperationException($"the {port} port is not open");

    private async Task<HttpStatusCode> GetAsync(string port, string scheme, string path, string? host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{scheme}://{EndPointOf(port)}{path}");
        request.Headers.Host = host;
        using var response = await _http.SendAsync(request);
        return response.StatusCode;
    }

    private async Task PostAsync(string path, string body) => (await _cluster.PostAsync(path, body)).Code.Should().Be(201);

    private ControlPlane Create(IPEndPoint health)
    {
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        var options = new ControlPlaneOptions(
            ["webhook", "autoscaler"],
            new GatewayOptions(new IPEndPoint(IPAddress.Loopback, 0), new IPEndPoint(IPAddress.Loopback, 0)),
            new WebhookOptions(IPAddress.Loopback, 0),
            new ActivatorOptions(IPAddress.Loopback),
            new AutoscalerOptions(IPAddress.Loopback, 0),
            ResolveDigests: false,
            new ModuleHostOptions { StopTimeout = TimeSpan.FromSeconds(10) }
        )
        {
            Health = health,
        };
        return ControlPlane.Create(
            options,
            environment,
            ClusterAccess.FromKubeconfig(_cluster.Server.KubeconfigPath),
            _logging,
            TimeProvider.System
        );
    }
}
