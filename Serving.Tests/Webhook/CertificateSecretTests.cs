using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Certificates;
using Serving.Tests.Support;

namespace Serving.Tests.Webhook;

public sealed class CertificateSecretTests
{
    private static readonly CertificateSecretOptions Options = new("knative-serving", "webhook-certs", "webhook", "cluster.local");

    [Test]
    public async Task Replicas_share_one_certificate()
    {
        var cluster = new InMemoryCluster();

        var first = await New().EnsureAsync(cluster, default);
        var second = await New().EnsureAsync(cluster, default);

        second.Certificate.Thumbprint.Should().Be(first.Certificate.Thumbprint);
        cluster
            .Find(Resources.Secrets, "knative-serving", "webhook-certs")!
            .Data!.Keys.Should()
            .BeEquivalentTo("server-key.pem", "server-cert.pem", "ca-cert.pem");
    }

    [Test]
    public async Task An_empty_secret_of_the_installer_is_filled()
    {
        var cluster = new InMemoryCluster();
        cluster.Put(
            Resources.Secrets,
            new()
            {
                ApiVersion = "v1",
                Kind = "Secret",
                Metadata = new() { Name = "webhook-certs", Namespace = "knative-serving" },
            }
        );

        await New().EnsureAsync(cluster, default);

        cluster.Find(Resources.Secrets, "knative-serving", "webhook-certs")!.Data.Should().HaveCount(3);
    }

    [Test]
    public async Task A_certificate_about_to_expire_is_replaced_and_the_previous_authority_stays_trusted()
    {
        var cluster = new InMemoryCluster();
        var old = await new CertificateSecret(
            Options with
            {
                Lifetime = TimeSpan.FromDays(1),
            },
            TimeProvider.System,
            NullLogger<CertificateSecret>.Instance
        ).EnsureAsync(cluster, default);

        var renewed = await New().EnsureAsync(cluster, default);

        renewed.Certificate.Thumbprint.Should().NotBe(old.Certificate.Thumbprint);
        renewed.Pems.Authorities.Should().Contain(old.Pems.Authorities.Trim());
        renewed.Certificate.MatchesHostname("webhook.knative-serving.svc").Should().BeTrue();
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_Secret_that_was_deleted_or_spoiled_is_made_anew_and_the_previous_authority_stays_trusted(bool deleted)
    {
        var cluster = new InMemoryCluster();
        var kept = New();
        var old = await kept.EnsureAsync(cluster, default);
        var secret = cluster.Find(Resources.Secrets, "knative-serving", "webhook-certs")!;
        if (deleted)
        {
            await cluster.DeleteAsync(Resources.Secrets, "knative-serving", "webhook-certs", CancellationToken.None);
        }
        else
        {
            cluster.Put(Resources.Secrets, secret with { Data = secret.Data!.ToDictionary(entry => entry.Key, _ => "none"u8.ToArray()) });
        }

        var made = await kept.EnsureAsync(cluster, default);

        made.Certificate.Thumbprint.Should().NotBe(old.Certificate.Thumbprint);
        made.Pems.Authorities.Should().Contain(old.Pems.Authorities.Trim(), "replicas that serve the old certificate are still trusted");
        (await New().ReadAsync(cluster, default))!.Pems.Authorities.Should().Be(made.Pems.Authorities);
    }

    [Test]
    public async Task A_replica_that_only_read_the_certificate_keeps_its_authority_trusted_too()
    {
        var cluster = new InMemoryCluster();
        var old = await New().EnsureAsync(cluster, default);
        var standby = New();
        await standby.ReadAsync(cluster, default);
        await cluster.DeleteAsync(Resources.Secrets, "knative-serving", "webhook-certs", CancellationToken.None);

        (await standby.ReadAsync(cluster, default)).Should().BeNull();
        (await standby.EnsureAsync(cluster, default)).Pems.Authorities.Should().Contain(old.Pems.Authorities.Trim());
    }

    private static CertificateSecret New() => new(Options, TimeProvider.System, NullLogger<CertificateSecret>.Instance);
}
