using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

public sealed class WebhookMetricsTests
{
    [TestCase("/defaulting", "defaulting", null, "success")]
    [TestCase("/resource-validation", "validation", "no", "failure")]
    [TestCase("/config-validation", "admission", null, "success")]
    public void A_decision_is_told_with_what_it_was_about(string path, string type, string? refusal, string status)
    {
        using var collected = new CollectedMetrics("Serving.Webhook");
        using var metrics = new WebhookMetrics();
        metrics.Decided(path, Request("Service"), new AdmissionAnswer(refusal, null, []), TimeSpan.FromMilliseconds(250));
        collected
            .Collect()
            .Should()
            .Contain(
                "kn.webhook.handler.duration{kn.webhook.resource.kind=Service,kn.webhook.resource.group=serving.knative.dev,kn.webhook.resource.version=v1,"
                    + $"kn.webhook.operation.type=CREATE,kn.webhook.subresource=,kn.webhook.type={type},kn.webhook.operation.status={status}}}",
                0.25
            );
    }

    [Test]
    public void However_many_kinds_are_named_the_series_are_few()
    {
        using var collected = new CollectedMetrics("Serving.Webhook");
        using var metrics = new WebhookMetrics();
        metrics.Decided("/defaulting", Request(new string('k', 1024 * 1024)), AdmissionAnswer.Allowed, TimeSpan.FromSeconds(1));
        for (var i = 0; i < 1000; i++)
            metrics.Decided("/defaulting", Request($"Kind{i}"), AdmissionAnswer.Allowed, TimeSpan.FromSeconds(1));
        collected.Collect().Should().HaveCount(257).And.ContainValue(745, "those beyond the 256 first");
    }

    [Test]
    public async Task The_server_measures_what_it_decides()
    {
        using var collected = new CollectedMetrics("Serving.Webhook");
        await using var webhook = await RunningWebhook.StartAsync();
        await webhook.AskAsync(
            "/defaulting",
            """{"uid":"1","kind":{"group":"serving.knative.dev","version":"v1","kind":"Service"},"operation":"DELETE"}"""
        );
        collected
            .Collect()
            .Keys.Should()
            .Contain(key => key.StartsWith("kn.webhook.handler.duration{kn.webhook.resource.kind=Service,", StringComparison.Ordinal));
    }

    private static AdmissionRequest Request(string kind) =>
        new("uid", new GroupVersionKind("serving.knative.dev", "v1", kind), "CREATE", "", "ns", "name", "", null, null, false);
}
