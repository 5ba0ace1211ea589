using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>A local cluster starts on any data directory of an earlier run, even when objects that it needs were deleted or changed; and
/// acknowledged writes are
/// in that directory.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class LocalRepairTests
{
    private const string SystemNamespace = "knative-serving";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(180);

    private string _data = null!;
    private int[] _ports = null!;

    [SetUp]
    public void SetUp()
    {
        TestCluster.NeedsLocalCluster("this is about how the local cluster starts");
        _data = Directory.CreateTempSubdirectory("serving-test-").FullName;
        _ports = [.. FreePorts.Of(IPAddress.Loopback, 2)];
    }

    [TearDown]
    public void TearDown()
    {
        if (_data is not null)
        {
            Directory.Delete(_data, recursive: true);
        }
    }

    [Test]
    public async Task A_start_puts_right_whatever_it_needs()
    {
        await RunAsync(async client =>
        {
            foreach (var map in (await client.ListAsync(Resources.ConfigMaps, SystemNamespace, null, CancellationToken.None)).Items)
            {
                await client.DeleteAsync(Resources.ConfigMaps, SystemNamespace, map.Metadata.Name, CancellationToken.None);
            }

            await client.DeleteAsync(Resources.Services, SystemNamespace, "webhook", CancellationToken.None);
            await client.DeleteAsync(Resources.ServiceAccounts, SystemNamespace, "controller", CancellationToken.None);
            await client.PatchAsync(
                Resources.ValidatingWebhookConfigurations,
                null,
                "config.webhook.serving.knative.dev",
                new Patch(
                    PatchType.Merge,
                    """
                    {"webhooks":[{"name":"config.webhook.serving.knative.dev","clientConfig":{"url":"https://127.0.0.1:1/"},"admissionReviewVersions":["v1"],"sideEffects":"None",
                    "rules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*"]}]}]}
                    """
                ),
                CancellationToken.None
            );
        });
        await RunAsync(async client =>
        {
            var map = await client.GetAsync(Resources.ConfigMaps, SystemNamespace, "config-deployment", CancellationToken.None);
            var edited = new Dictionary<string, string>(map.Data) { ["queue-sidecar-image"] = "example.com/an/older:release" };
            await client.UpdateAsync(Resources.ConfigMaps, map with { Data = edited, Immutable = true }, CancellationToken.None);
            await client.DeleteAsync(Resources.MutatingWebhookConfigurations, null, "webhook.serving.knative.dev", CancellationToken.None);
            await client.DeleteAsync(Resources.CustomResourceDefinitions, null, "services.serving.knative.dev", CancellationToken.None);
        });
        await RunAsync(client => client.DeleteAsync(Resources.Namespaces, null, SystemNamespace, CancellationToken.None));
        await RunAsync(async client =>
        {
            var map = await client.GetAsync(Resources.ConfigMaps, SystemNamespace, "config-deployment", CancellationToken.None);
            map.Data["queue-sidecar-image"].Should().Be("serving.local/queue-proxy:local");
        });
    }

    [Test]
    public async Task A_start_does_not_wait_for_webhooks_of_others_that_lead_nowhere()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        (string Name, string Url)[] nowhere =
        [
            ("refused.example.com", "https://127.0.0.1:1/"),
            ("silent.example.com", $"https://{silent.LocalEndpoint}/"),
        ];
        await RunAsync(async client =>
        {
            foreach (var (name, url) in nowhere)
            {
                await client.CreateAsync(Resources.ValidatingWebhookConfigurations, WebhookAt(name, url), CancellationToken.None);
            }
        });

        await using var host = HostProcess.Start(
            "local",
            "--plain",
            "--data-dir",
            _data,
            "--api-port",
            $"{_ports[0]}",
            "--gateway-port",
            $"{_ports[1]}"
        );
        await ListensAsync(host);
        await Eventually.HoldsAsync(
            () => (host.HasExited || host.Output.Contains("control plane  ready", StringComparison.Ordinal)).Should().BeTrue(host.Output),
            Limit
        );
        host.HasExited.Should().BeFalse(host.Output);
        (await ReadyzAsync()).Should().Be("ok");

        using var client = Client();
        foreach (var (name, _) in nowhere)
        {
            await client.DeleteAsync(Resources.ValidatingWebhookConfigurations, null, name, CancellationToken.None);
        }

        var admitted = await client.CreateAsync(Resources.KnativeServices, Hello(), CancellationToken.None, new WriteOptions(DryRun: true));
        admitted.Metadata.Annotations.Should().ContainKey("serving.knative.dev/creator");
        await host.TerminateAsync();
        (await host.WaitForExitAsync(TimeSpan.FromSeconds(60))).Should().Be(0, host.Output);
    }

    [Test]
    public async Task What_was_answered_is_there_after_a_kill()
    {
        var last = 0;
        for (var round = 0; round < 3; round++)
        {
            await using var host = HostProcess.Start(
                "local",
                "--plain",
                "--roles",
                "apiserver",
                "--data-dir",
                _data,
                "--api-port",
                $"{_ports[0]}",
                "--gateway-port",
                $"{_ports[1]}"
            );
            await ListensAsync(host);
            using var client = Client();
            for (var i = 0; i < last; i++)
            {
                (await client.GetAsync(Resources.ConfigMaps, "default", $"m{i}", CancellationToken.None))
                    .Metadata.Name.Should()
                    .Be($"m{i}");
            }

            for (var end = last + 20; last < end; last++)
            {
                await client.CreateAsync(
                    Resources.ConfigMaps,
                    new ConfigMap
                    {
                        ApiVersion = "v1",
                        Kind = "ConfigMap",
                        Metadata = new ObjectMeta { Name = $"m{last}", Namespace = "default" },
                    },
                    CancellationToken.None
                );
            }

            host.Kill();
        }

        if (!OperatingSystem.IsWindows())
        {
            File.GetUnixFileMode(_data).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Starts a cluster; as soon as <c>/readyz</c> is ok a Service must be admitted; then runs an action and stops.</summary>
    private async Task RunAsync(Func<ClusterClient, Task> spoil)
    {
        await using var host = HostProcess.Start(
            "local",
            "--plain",
            "--data-dir",
            _data,
            "--api-port",
            $"{_ports[0]}",
            "--gateway-port",
            $"{_ports[1]}"
        );
        await ListensAsync(host);
        using var client = Client();
        await Eventually.HoldsAsync(
            async () =>
            {
                host.HasExited.Should().BeFalse(host.Output);
                (await ReadyzAsync()).Should().Be("ok");
            },
            Limit
        );
        var admitted = await client.CreateAsync(Resources.KnativeServices, Hello(), CancellationToken.None, new WriteOptions(DryRun: true));
        admitted.Metadata.Annotations.Should().ContainKey("serving.knative.dev/creator", "the webhook was asked");
        await spoil(client);

        await host.TerminateAsync();
        (await host.WaitForExitAsync(TimeSpan.FromSeconds(60))).Should().Be(0, host.Output);
        host.Output.Should().NotContain("   at ");
    }

    private async Task ListensAsync(HostProcess host) =>
        await Eventually.HoldsAsync(
            () => (host.HasExited || host.Output.Contains("API server", StringComparison.Ordinal)).Should().BeTrue(host.Output),
            Limit
        );

    private async Task<string> ReadyzAsync()
    {
        using var handler = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator,
        };
        using var http = new HttpClient(handler);
        return await http.GetStringAsync(new Uri($"https://127.0.0.1:{_ports[0]}/readyz"));
    }

    private ClusterClient Client() => new(ClusterAccess.FromKubeconfig(Path.Combine(_data, "kubeconfig")));

    /// <summary>A webhook for every write.</summary>
    private static WebhookConfiguration WebhookAt(string name, string url) =>
        JsonSerializer.Deserialize<WebhookConfiguration>(
            $$"""
            {"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"{{name}}"},
            "webhooks":[{"name":"{{name}}","clientConfig":{"url":"{{url}}"},"admissionReviewVersions":["v1"],"sideEffects":"None","timeoutSeconds":2,"failurePolicy":"Fail",
            "rules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*"]}]}]}
            """,
            Resources.ValidatingWebhookConfigurations.Json.Options
        )!;

    private static Serving.Api.Knative.Service Hello() =>
        new()
        {
            ApiVersion = Resources.KnativeServices.ApiVersion,
            Kind = Resources.KnativeServices.Kind,
            Metadata = new ObjectMeta { Name = "hello", Namespace = "default" },
            Spec = new Serving.Api.Knative.ServiceSpec
            {
                Template = new Serving.Api.Knative.RevisionTemplateSpec
                {
                    Spec = new Serving.Api.Knative.RevisionSpec
                    {
                        Containers = [new Container { Image = "ghcr.io/serving-samples/helloworld" }],
                    },
                },
            },
        };
}
