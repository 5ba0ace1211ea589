using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.Deploy;

/// <summary>
/// Each account may do exactly what its modules do. A right that a module newly needs is added here and in docs/security.md with what it
/// is for; one that is no longer used goes.
/// </summary>
public sealed class RightsTests
{
    private const string ControlPlane = """
        pods: get list watch create patch delete
        namespaces: get list watch
        serviceaccounts: get
        secrets: get
        services: get list watch create update delete
        endpoints: get list watch create update delete
        endpoints/restricted: create
        events: list create patch
        pods/resize: patch
        nodes: list
        images.caching.internal.knative.dev/status: update
        namespaces/finalizers: update
        deployments.apps: get list watch create update
        deployments.apps/scale: patch
        horizontalpodautoscalers.autoscaling: get list watch create update
        services.serving.knative.dev: get list watch
        routes.serving.knative.dev: get list watch create update patch
        configurations.serving.knative.dev: get list watch create update patch
        revisions.serving.knative.dev: get list watch create patch delete
        domainmappings.serving.knative.dev: get list watch patch
        services.serving.knative.dev/status: update
        routes.serving.knative.dev/status: get list watch update
        configurations.serving.knative.dev/status: update
        revisions.serving.knative.dev/status: update
        domainmappings.serving.knative.dev/status: update
        services.serving.knative.dev/finalizers: update
        routes.serving.knative.dev/finalizers: update
        configurations.serving.knative.dev/finalizers: update
        revisions.serving.knative.dev/finalizers: update
        domainmappings.serving.knative.dev/finalizers: update
        podautoscalers.autoscaling.internal.knative.dev: get list watch create update
        metrics.autoscaling.internal.knative.dev: get list watch create update
        podautoscalers.autoscaling.internal.knative.dev/status: update
        metrics.autoscaling.internal.knative.dev/status: update
        podautoscalers.autoscaling.internal.knative.dev/finalizers: update
        ingresses.networking.internal.knative.dev: get list watch create update
        serverlessservices.networking.internal.knative.dev: get list watch create update
        certificates.networking.internal.knative.dev: get list watch create update delete
        clusterdomainclaims.networking.internal.knative.dev: get list watch create delete
        ingresses.networking.internal.knative.dev/status: update
        serverlessservices.networking.internal.knative.dev/status: update
        certificates.networking.internal.knative.dev/status: update
        certificates.cert-manager.io: get list watch create update
        clusterissuers.cert-manager.io: get
        issuers.cert-manager.io: get
        challenges.acme.cert-manager.io: get
        serverlessservices.networking.internal.knative.dev/finalizers: update
        images.caching.internal.knative.dev: get list watch create
        mutatingwebhookconfigurations.admissionregistration.k8s.io: list watch
        validatingwebhookconfigurations.admissionregistration.k8s.io: list watch
        mutatingwebhookconfigurations.admissionregistration.k8s.io[webhook.serving.knative.dev]: get update
        validatingwebhookconfigurations.admissionregistration.k8s.io[validation.webhook.serving.knative.dev]: get update
        validatingwebhookconfigurations.admissionregistration.k8s.io[config.webhook.serving.knative.dev]: get update
        tokenreviews.authentication.k8s.io: create
        subjectaccessreviews.authorization.k8s.io: create
        configmaps here: get list watch
        leases.coordination.k8s.io here: get list watch create update
        poddisruptionbudgets.policy here: list create
        secrets here: create
        secrets[webhook-certs] here: get update
        secrets[routing-serving-certs] here: get list watch
        """;

    /// <summary>Reading addressables is the one role that other projects add to, by a label.</summary>
    private const string Addressables = "services.serving.knative.dev/status: get list watch";

    private const string Dataplane = """
        services: get list watch
        endpoints: get list watch
        pods: get list watch
        revisions.serving.knative.dev: get list watch
        ingresses.networking.internal.knative.dev: get list watch
        tokenreviews.authentication.k8s.io: create
        subjectaccessreviews.authorization.k8s.io: create
        configmaps here: get list watch
        leases.coordination.k8s.io here: get list watch
        events here: create patch
        secrets[routing-serving-certs] here: get list watch
        """;

    [TestCase("serving.yaml")]
    [TestCase("serving-split.yaml")]
    [TestCase("serving-takeover.yaml")]
    public void The_control_plane_may_do_what_its_modules_do_and_no_more(string file) =>
        Rights
            .Of(RenderedManifest.Read(file), "controller")
            .Should()
            .BeEquivalentTo(Rights.Table(ControlPlane).Union(Rights.Table(Addressables)));

    [TestCase("serving-split.yaml")]
    [TestCase("serving-split-ha.yaml")]
    public void The_split_dataplane_may_do_what_its_modules_do_and_no_more(string file) =>
        Rights.Of(RenderedManifest.Read(file), "serving-dataplane").Should().BeEquivalentTo(Rights.Table(Dataplane));

    [Test]
    public void The_split_dataplane_only_reads_but_for_events_and_reviews_and_no_Secret_of_a_tenant()
    {
        var rights = Rights.Of(RenderedManifest.Read("serving-split.yaml"), "serving-dataplane");

        rights
            .Where(right => right.Split(' ')[0] is not ("get" or "list" or "watch"))
            .Should()
            .BeEquivalentTo(
                "create events here",
                "patch events here",
                "create tokenreviews.authentication.k8s.io",
                "create subjectaccessreviews.authorization.k8s.io"
            );
        rights
            .Where(right => right.Contains("secrets", StringComparison.Ordinal))
            .Should()
            .OnlyContain(right => right.Contains('[') && right.EndsWith(" here", StringComparison.Ordinal));
        rights
            .Should()
            .NotContain(right =>
                right.Contains("configmaps", StringComparison.Ordinal) && !right.EndsWith(" here", StringComparison.Ordinal)
            );
    }

    [Test]
    public void The_migration_may_read_definitions_and_write_objects_of_our_kinds_as_an_account_of_its_own() =>
        Rights
            .Of(RenderedManifest.Read("storage-migration.yaml"), "storage-version-migration-serving")
            .Should()
            .BeEquivalentTo(
                Rights.Table(
                    """
                    customresourcedefinitions.apiextensions.k8s.io: get list
                    customresourcedefinitions.apiextensions.k8s.io/status: patch
                    *.serving.knative.dev: list patch
                    *.autoscaling.internal.knative.dev: list patch
                    *.networking.internal.knative.dev: list patch
                    *.caching.internal.knative.dev: list patch
                    """
                )
            );

    [Test]
    public void The_default_domain_may_write_config_domain_and_read_what_leads_to_the_address_of_the_gateway() =>
        Rights
            .Of(RenderedManifest.Read("default-domain.yaml"), "default-domain")
            .Should()
            .BeEquivalentTo(
                Rights.Table(
                    """
                    configmaps[config-domain] here: get patch
                    services[gateway] here: get
                    pods here: list
                    nodes: get
                    """
                )
            );

    [TestCaseSource(typeof(RenderedManifest), nameof(RenderedManifest.Names))]
    public void Whoever_scrapes_metrics_gets_the_right_by_one_role(string file)
    {
        var role = RenderedManifest.Read(file).Single(item => item.Metadata.Name == "knative-serving-metrics-reader");

        var rule = role.Get("rules")!.Value.EnumerateArray().Single();
        rule.GetProperty("nonResourceURLs").EnumerateArray().Select(path => path.GetString()).Should().Equal("/metrics");
        rule.GetProperty("verbs").EnumerateArray().Select(verb => verb.GetString()).Should().Equal("get");
    }

    [TestCaseSource(typeof(RenderedManifest), nameof(RenderedManifest.Names))]
    public void What_other_projects_build_on_keeps_its_names(string file)
    {
        var objects = RenderedManifest.Read(file);

        objects.Should().Contain(item => item.Kind == "ServiceAccount" && item.Metadata.Name == "controller");
        objects
            .Single(item => item.Kind == "ClusterRole" && item.Metadata.Name == "knative-serving-admin")
            .Get("aggregationRule", "clusterRoleSelectors")!
            .Value.GetRawText()
            .Should()
            .Contain("serving.knative.dev/controller");
        objects
            .Should()
            .Contain(item =>
                item.Kind == "ClusterRole" && item.Metadata.Labels.GetValueOrDefault("duck.knative.dev/podspecable") == "true"
            );
        objects
            .Should()
            .Contain(item =>
                item.Kind == "ClusterRole" && item.Metadata.Labels.GetValueOrDefault("duck.knative.dev/addressable") == "true"
            );
    }
}
