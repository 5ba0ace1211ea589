using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Host.Cluster;

namespace Serving.Tests.Takeover;

[TestFixture]
internal sealed class ReferenceLeasesTests
{
    [Test]
    public void Every_reconciler_of_the_reference_has_its_Lease_held_by_the_module_that_replaces_it()
    {
        // As `kubectl get leases -n knative-serving` lists them where the reference runs.
        ReferenceLeases
            .Of("controller", LeaderElectionConfig.Default)
            .Should()
            .Equal(
                "controller.knative.dev.serving.pkg.reconciler.certificate.reconciler.00-of-01",
                "controller.knative.dev.serving.pkg.reconciler.configuration.reconciler.00-of-01",
                "controller.knative.dev.serving.pkg.reconciler.domainmapping.reconciler.00-of-01",
                "controller.knative.dev.serving.pkg.reconciler.gc.reconciler.00-of-01",
                "controller.knative.dev.serving.pkg.reconciler.labeler.reconciler.00-of-01",
                "controller.knative.dev.serving.pkg.reconciler.nscert.reconciler.00-of-01",
                "controller.knative.dev.serving.pkg.reconciler.revision.reconciler.00-of-01",
                "controller.knative.dev.serving.pkg.reconciler.route.reconciler.00-of-01",
                "controller.knative.dev.serving.pkg.reconciler.serverlessservice.reconciler.00-of-01",
                "controller.knative.dev.serving.pkg.reconciler.service.reconciler.00-of-01"
            );
        ReferenceLeases
            .Of("autoscaler", LeaderElectionConfig.Default)
            .Should()
            .Equal("autoscaler-bucket-00-of-01", "hpaautoscaler.knative.dev.serving.pkg.reconciler.autoscaling.hpa.reconciler.00-of-01");
        ReferenceLeases
            .Of("webhook-registration", LeaderElectionConfig.Default)
            .Should()
            .Equal(
                "webhook.configmapwebhook.00-of-01",
                "webhook.defaultingwebhook.00-of-01",
                "webhook.validationwebhook.00-of-01",
                "webhook.webhookcertificates.00-of-01"
            );
        ReferenceLeases.Of("gateway-status", LeaderElectionConfig.Default).Should().BeEmpty("it acts on Ingresses of our own class alone");
    }

    [Test]
    public void Work_that_is_split_has_a_Lease_for_each_part()
    {
        var leases = ReferenceLeases.Of("autoscaler", LeaderElectionConfig.Default with { Buckets = 3 });

        leases
            .Should()
            .HaveCount(6)
            .And.StartWith(["autoscaler-bucket-00-of-03", "autoscaler-bucket-01-of-03", "autoscaler-bucket-02-of-03"])
            .And.EndWith("hpaautoscaler.knative.dev.serving.pkg.reconciler.autoscaling.hpa.reconciler.02-of-03");
    }

    [Test]
    public void Prefixes_that_the_cluster_maps_are_followed()
    {
        var config = LeaderElectionConfig.Default with
        {
            MapLeasePrefix = new Dictionary<string, string>
            {
                ["controller.knative.dev.serving.pkg.reconciler.route.Reconciler"] = "Short-Route",
                ["webhook.DefaultingWebhook"] = "",
            },
        };

        ReferenceLeases
            .Of("controller", config)
            .Should()
            .Contain("short-route.00-of-01")
            .And.HaveCount(10)
            .And.NotContain(name => name.Contains(".route.", StringComparison.Ordinal));
        ReferenceLeases.Of("webhook-registration", config).Should().Contain("webhook.defaultingwebhook.00-of-01");
    }
}
