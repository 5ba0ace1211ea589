using System.Net;
using System.Text;
using System.Text.Json;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Certificates;
using Serving.ConfigMaps;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Leadership;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>Beside another implementation that maintains certificate and configurations: nothing is written until the permission to write
/// is held.</summary>
[TestFixture]
internal sealed class LeasedRegistrationTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    private CancellationTokenSource _stop = null!;
    private InMemoryCluster _cluster = null!;
    private ConfigStore _config = null!;
    private RegistrationModule _registration = null!;
    private WebhookModule _module = null!;
    private Task _running = null!;

    [SetUp]
    public void SetUp()
    {
        _stop = new CancellationTokenSource();
        _cluster = new InMemoryCluster();
        _cluster.Put(
            Resources.Namespaces,
            new Namespace
            {
                Metadata = new() { Name = "knative-serving", Uid = "the-uid" },
            }
        );
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        _config = new ConfigStore(_cluster, environment, NullLogger<ConfigStore>.Instance, NSubstitute.Substitute.For<IEventRecorder>());
        _registration = new RegistrationModule();
        _module = new WebhookModule(
            new(IPAddress.Loopback, 0),
            environment,
            _cluster,
            _config,
            NullLoggerFactory.Instance,
            TimeProvider.System,
            _registration
        );
    }

    [TearDown]
    public async Task TearDown()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(Timeout);
        _module.Dispose();
        _config.Dispose();
        _stop.Dispose();
    }

    [Test]
    public async Task What_another_keeps_is_used_and_only_taken_over_with_the_right()
    {
        // A certificate about to expire and foreign rules: with the permission to write, both would be replaced.
        var theirs = CertificateAuthority.Issue("webhook", "knative-serving", "cluster.local", DateTimeOffset.UtcNow, TimeSpan.FromDays(7));
        _cluster.Put(
            Resources.Secrets,
            new Secret
            {
                Metadata = new() { Namespace = "knative-serving", Name = "webhook-certs" },
                Data = new Dictionary<string, byte[]>
                {
                    ["server-key.pem"] = Encoding.UTF8.GetBytes(theirs.Key),
                    ["server-cert.pem"] = Encoding.UTF8.GetBytes(theirs.Certificate),
                    ["ca-cert.pem"] = Encoding.UTF8.GetBytes(theirs.Authorities),
                },
            }
        );
        Register(theirs.Authorities);
        _cluster.ForgetWrites();
        _running = _module.RunAsync(_cluster, _stop.Token);

        await Eventually.HoldsAsync(() => _module.NotReadyReason.Should().BeNull("it serves the certificate that is trusted"), Timeout);
        _cluster.Writes.Should().BeEmpty();

        using var term = new LeaderTerm("webhook", Timeout, TimeProvider.System.GetTimestamp(), TimeProvider.System);
        var leading = _registration.RunAsync(new FencedKubernetesClient(_cluster, term), term.Token);
        await Eventually.HoldsAsync(
            () =>
                _cluster
                    .Writes.Select(write => write.Plural)
                    .Distinct()
                    .Should()
                    .BeEquivalentTo("secrets", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
            Timeout
        );
        _module.NotReadyReason.Should().BeNull("replicas that serve the old certificate stay trusted");

        // After the permission is lost, what another process writes stays.
        term.End();
        await leading;
        _registration.Client.Should().BeNull();
        var kept = Encoding.UTF8.GetString(_cluster.Find(Resources.Secrets, "knative-serving", "webhook-certs")!.Data!["ca-cert.pem"]);
        _cluster.ForgetWrites();
        Register(kept);
        await Eventually.HoldsAsync(() => _module.NotReadyReason.Should().BeNull(), Timeout);
        _cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task It_is_not_ready_while_the_other_has_no_certificate_or_none_that_is_trusted()
    {
        Register("");
        _cluster.ForgetWrites();
        _running = _module.RunAsync(_cluster, _stop.Token);
        _module.NotReadyReason.Should().NotBeNull();

        var theirs = CertificateAuthority.Issue("webhook", "knative-serving", "cluster.local", DateTimeOffset.UtcNow, TimeSpan.FromDays(7));
        _cluster.Put(
            Resources.Secrets,
            new Secret
            {
                Metadata = new() { Namespace = "knative-serving", Name = "webhook-certs" },
                Data = new Dictionary<string, byte[]>
                {
                    ["server-key.pem"] = Encoding.UTF8.GetBytes(theirs.Key),
                    ["server-cert.pem"] = Encoding.UTF8.GetBytes(theirs.Certificate),
                    ["ca-cert.pem"] = Encoding.UTF8.GetBytes(theirs.Authorities),
                },
            }
        );
        await Eventually.HoldsAsync(() => _module.NotReadyReason.Should().Contain("does not trust the certificate yet"), Timeout);

        Register(theirs.Authorities);
        await Eventually.HoldsAsync(() => _module.NotReadyReason.Should().BeNull(), Timeout);
        _cluster.Writes.Should().BeEmpty();
    }

    /// <summary>The configurations as another implementation maintains them.</summary>
    private void Register(string authorities)
    {
        foreach (var entry in WebhookRegistration.Entries)
        {
            using var document = JsonDocument.Parse(
                $$$"""
                {"name":"{{{entry.Name}}}","rules":[],"clientConfig":{"caBundle":"{{{Convert.ToBase64String(
                    Encoding.UTF8.GetBytes(authorities)
                )}}}","service":{"name":"webhook","namespace":"knative-serving"} } }
                """
            );
            _cluster.Put(
                entry.Resource,
                new WebhookConfiguration
                {
                    Metadata = new()
                    {
                        Name = entry.Name,
                        Labels = new Dictionary<string, string> { ["app.kubernetes.io/name"] = "knative-serving" },
                    },
                    Webhooks = [document.RootElement.Clone()],
                }
            );
        }
    }
}
