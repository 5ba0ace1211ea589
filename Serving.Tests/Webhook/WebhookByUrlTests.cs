using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Certificates;
using Serving.Tests.Support;

namespace Serving.Tests.Webhook;

/// <summary>A webhook outside the cluster that is called by URL.</summary>
public sealed class WebhookByUrlTests
{
    private static readonly Uri Url = new("https://127.0.0.1:9443/");

    [Test]
    public async Task The_cluster_is_told_the_address_in_place_of_the_Service_and_trusts_what_is_served_there()
    {
        var cluster = AdmissionReplica.Install();
        await using var outside = await AdmissionReplica.StartAsync(cluster, TimeProvider.System, Url);
        await outside.ReadyAsync();

        AdmissionReplica.Targets(cluster).Should().OnlyContain(target => !HasService(target));
        AdmissionReplica
            .Targets(cluster)
            .Select(target => target.GetProperty("url").GetString())
            .Should()
            .Equal(
                "https://127.0.0.1:9443/defaulting",
                "https://127.0.0.1:9443/resource-validation",
                "https://127.0.0.1:9443/config-validation"
            );
        (await outside.HandshakeAsync("127.0.0.1")).Should().NotBeEmpty();
        cluster
            .Find(Serving.Api.Resources.Secrets, "knative-serving", "webhook-certs")
            .Should()
            .BeNull("what the cluster serves with is left alone");
    }

    [Test]
    public async Task A_webhook_inside_puts_the_Service_back_and_the_one_outside_gives_way()
    {
        var cluster = AdmissionReplica.Install();
        await using var outside = await AdmissionReplica.StartAsync(cluster, TimeProvider.System, Url);
        await outside.ReadyAsync();

        await using var inside = await AdmissionReplica.StartAsync(cluster, TimeProvider.System);
        await inside.ReadyAsync();

        await Eventually.HoldsAsync(
            () => outside.Module.NotReadyReason.Should().Contain("scale its Deployment to zero"),
            TimeSpan.FromSeconds(30)
        );
        inside.Module.NotReadyReason.Should().BeNull();
        AdmissionReplica.Targets(cluster).Should().OnlyContain(target => HasService(target) && !HasUrl(target));
        AdmissionReplica.Targets(cluster)[0].GetProperty("service").GetProperty("path").GetString().Should().Be("/defaulting");
        AdmissionReplica.Targets(cluster)[0].GetProperty("service").GetProperty("name").GetString().Should().Be("webhook");
    }

    [Test]
    public async Task Its_own_certificate_is_renewed_in_time_with_the_previous_authority_beside_the_new()
    {
        var time = new ManualTimeProvider(DateTimeOffset.UtcNow);
        var source = new TransientCertificate("dev.example.com", time, NullLogger<TransientCertificate>.Instance);
        var first = await source.EnsureAsync(null!, default);
        first.Certificate.MatchesHostname("dev.example.com").Should().BeTrue();
        (await source.EnsureAsync(null!, default)).Should().BeSameAs(first);

        time.Advance(source.Lifetime - source.RenewBefore);
        var second = await source.EnsureAsync(null!, default);
        time.Advance(source.Lifetime - source.RenewBefore);
        var third = await source.EnsureAsync(null!, default);

        second.Pems.Authorities.Should().EndWith(first.Pems.Authorities);
        third.Pems.Authorities.Split("BEGIN CERTIFICATE").Should().HaveCount(3, "of the previous ones only the newest is of use");
    }

    private static bool HasService(System.Text.Json.JsonElement target) => target.TryGetProperty("service", out _);

    private static bool HasUrl(System.Text.Json.JsonElement target) => target.TryGetProperty("url", out _);
}
