using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Webhook;

/// <summary>Rotation of the admission certificate over a year, with several replicas.</summary>
public sealed class CertificateRotationTests
{
    private const string Host = "webhook.knative-serving.svc";

    [Test]
    public async Task A_certificate_about_to_expire_is_replaced_without_a_restart_and_trusted_throughout()
    {
        var time = new ManualTimeProvider(DateTimeOffset.UtcNow);
        var cluster = AdmissionReplica.Install();
        await using var replica = await AdmissionReplica.StartAsync(cluster, time);
        await replica.ReadyAsync();
        var first = await replica.HandshakeAsync(Host);

        time.Advance(TimeSpan.FromDays(340));

        await Eventually.HoldsAsync(async () => (await replica.HandshakeAsync(Host)).Should().NotBe(first), TimeSpan.FromSeconds(30));
        replica.Module.NotReadyReason.Should().BeNull();
    }

    [Test]
    public async Task Replicas_that_start_at_once_agree_on_one_certificate_that_the_cluster_trusts()
    {
        var cluster = AdmissionReplica.Install();
        var replicas = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => AdmissionReplica.StartAsync(cluster, TimeProvider.System)));
        try
        {
            await Task.WhenAll(replicas.Select(replica => replica.ReadyAsync()));

            var served = await Task.WhenAll(replicas.Select(replica => replica.HandshakeAsync(Host)));

            served.Distinct().Should().ContainSingle();
        }
        finally
        {
            foreach (var replica in replicas)
            {
                await replica.DisposeAsync();
            }
        }
    }
}
