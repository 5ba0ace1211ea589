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
using Serving.Kubernetes;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>Beside another implementation that maintains certificate and configurations: nothing is written until the permission to write is held.</summary>
[TestFixture]
internal sealed class LeasedRegistrationTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private CancellationTokenSource stop = null!;
    private InMemoryCluster cluster = null!;
    private ConfigStore config = null!;
    private RegistrationModule registration = null!;
    private WebhookModule module = null!;
    private Task running = null!;

    [SetUp]
    public void SetUp()
    {
        stop = new CancellationTokenSource();
        cluster = new InMemoryCluster();
        cluster.Put(Resources.Namespaces, new Namespace { Metadata = new() { Name = "knative-serving", Uid = "the-uid" } });
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        config = new ConfigStore(cluster, environment, NullLogger<ConfigStore>.Instance, NSubstitute.Substitute.For<IEventRecorder>());
        registration = new RegistrationModule();
        module = new WebhookModule(new(IPAddress.Loopback, 0), environment, cluster, config, NullLoggerFactory.Instance, TimeProvider.System, registration);
    }

    [TearDown]
    public async Task TearDown()
    {
        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        module.Dispose();
        config.Dispose();
        stop.Dispose();
    }

    [Test]
    public async Task What_another_keeps_is_used_and_only_taken_over_with_the_right()
    {
        // A certificate about to expire and foreign rules: with the permission to write, both would be replaced.
        var theirs = CertificateAuthority.Issue("webhook", "knative-serving", "cluster.local", DateTimeOffset.UtcNow, TimeSpan.FromDays(7));
        cluster.Put(Resources.Secrets, new Secret
        {
            Metadata = new() { Namespace = "knative-serving", Name = "webhook-certs" },
            Data = new Dictionary<string, byte[]>
            {
                ["server-key.pem"] = Encoding.UTF8.GetBytes(theirs.Key),
                ["server-cert.pem"] = Encoding.UTF8.GetBytes(theirs.Certificate),
                ["ca-cert.pem"] = Encoding.UTF8.GetBytes(theirs.Authorities),
            },
        });
        Register(theirs.Authorities);
        cluster.ForgetWrites();
        running = module.RunAsync(cluster, stop.Token);

        await Eventually.HoldsAsync(() => module.NotReadyReason.Should().BeNull("it serves the certificate that is trusted"), Patience);
        cluster.Writes.Should().BeEmpty();

        using var term = new CancellationTokenSource();
        var leading = registration.RunAsync(cluster, term.Token);
        await Eventually.HoldsAsync(() => cluster.Writes.Select(write => write.Plural).Distinct().Should().BeEquivalentTo("secrets", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"), Patience);
        module.NotReadyReason.Should().BeNull("replicas that serve the old certificate stay trusted");

        // After the permission is lost, what another process writes stays.
        await term.CancelAsync();
        await leading;
        registration.Client.Should().BeNull();
        var kept = Encoding.UTF8.GetString(cluster.Find(Resources.Secrets, "knative-serving", "webhook-certs")!.Data!["ca-cert.pem"]);
        cluster.ForgetWrites();
        Register(kept);
        await Eventually.HoldsAsync(() => module.NotReadyReason.Should().BeNull(), Patience);
        cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task It_is_not_ready_while_the_other_has_no_certificate_or_none_that_is_trusted()
    {
        Register("");
        cluster.ForgetWrites();
        running = module.RunAsync(cluster, stop.Token);
        module.NotReadyReason.Should().NotBeNull();

        var theirs = CertificateAuthority.Issue("webhook", "knative-serving", "cluster.local", DateTimeOffset.UtcNow, TimeSpan.FromDays(7));
        cluster.Put(Resources.Secrets, new Secret
        {
            Metadata = new() { Namespace = "knative-serving", Name = "webhook-certs" },
            Data = new Dictionary<string, byte[]>
            {
                ["server-key.pem"] = Encoding.UTF8.GetBytes(theirs.Key),
                ["server-cert.pem"] = Encoding.UTF8.GetBytes(theirs.Certificate),
                ["ca-cert.pem"] = Encoding.UTF8.GetBytes(theirs.Authorities),
            },
        });
        await Eventually.HoldsAsync(() => module.NotReadyReason.Should().Contain("does not trust the certificate yet"), Patience);

        Register(theirs.Authorities);
        await Eventually.HoldsAsync(() => module.NotReadyReason.Should().BeNull(), Patience);
        cluster.Writes.Should().BeEmpty();
    }

    /// <summary>The configurations as another implementation maintains them.</summary>
    private void Register(string authorities)
    {
        foreach (var entry in WebhookRegistration.Entries)
        {
            using var document = JsonDocument.Parse($$$"""
                {"name":"{{{entry.Name}}}","rules":[],"clientConfig":{"caBundle":"{{{Convert.ToBase64String(Encoding.UTF8.GetBytes(authorities))}}}","service":{"name":"webhook","namespace":"knative-serving"} } }
                """);
            cluster.Put(entry.Resource, new WebhookConfiguration
            {
                Metadata = new() { Name = entry.Name, Labels = new Dictionary<string, string> { ["app.kubernetes.io/name"] = "knative-serving" } },
                Webhooks = [document.RootElement.Clone()],
            });
        }
    }
}
