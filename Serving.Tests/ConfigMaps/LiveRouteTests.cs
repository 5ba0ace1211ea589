using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Controller;

namespace Serving.Tests.ConfigMaps;

/// <summary>The reconcilers over an in-memory cluster whose ConfigMaps are edited while a Service runs.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LiveRouteTests : IDisposable
{
    private const string Domain = "shop.example.org";
    private readonly ReconcilingCluster _world = new();
    private readonly LiveConfig _live;

    public LiveRouteTests()
    {
        _live = new LiveConfig(_world.Cluster);
        _world.Config = _live.Current;
        _live.Store.Changed += (_, current) => _world.Config = current;
    }

    public void Dispose() => _live.Dispose();

    [Test]
    public async Task Another_domain_moves_the_route_there()
    {
        await RunAsync();
        Route.Status.Url.Should().Be("http://hello.default.example.com");

        await EditAsync("config-domain", ("example.org", ""));

        Route.Status.Url.Should().Be("http://hello.default.example.org");
        Ingress
            .Spec.Rules.SelectMany(rule => rule.Hosts)
            .Should()
            .Contain("hello.default.example.org")
            .And.NotContain("hello.default.example.com");
    }

    [Test]
    public async Task A_domain_is_chosen_by_labels_as_they_are_configured_now()
    {
        await RunAsync();

        await EditAsync("config-domain", ("example.com", ""), ("team-a.example.com", "selector:\n  team: a"));

        Route.Status.Url.Should().Be("http://hello.default.team-a.example.com");
    }

    [Test]
    public async Task Templates_name_hosts_anew()
    {
        await RunAsync(tag: "blue");
        Ingress.Spec.Rules.SelectMany(rule => rule.Hosts).Should().Contain("blue-hello.default.example.com");

        await EditAsync("config-network", ("domain-template", "{{.Name}}.{{.Domain}}"), ("tag-template", "{{.Name}}-{{.Tag}}"));

        Route.Status.Url.Should().Be("http://hello.example.com");
        Ingress
            .Spec.Rules.SelectMany(rule => rule.Hosts)
            .Should()
            .Contain("hello-blue.example.com")
            .And.NotContain("blue-hello.default.example.com");
    }

    [Test]
    public async Task Another_ingress_class_is_given_to_the_Ingress()
    {
        await RunAsync();
        Ingress.Metadata.Annotations[NetworkingKeys.IngressClass.Key].Should().Be("istio.ingress.networking.knative.dev");

        await EditAsync("config-network", ("ingress-class", "gateway.ingress.networking.knative.dev"));

        Ingress.Metadata.Annotations[NetworkingKeys.IngressClass.Key].Should().Be("gateway.ingress.networking.knative.dev");
    }

    [Test]
    public async Task The_scheme_of_addresses_follows()
    {
        await RunAsync();

        await EditAsync("config-network", ("default-external-scheme", "https"));

        Route.Status.Url.Should().Be("https://hello.default.example.com");
    }

    [Test]
    public async Task External_domain_TLS_asks_for_certificates_of_the_configured_class()
    {
        await RunAsync();
        _world.Cluster.All(Resources.Certificates).Should().BeEmpty();

        await EditAsync(
            "config-network",
            ("external-domain-tls", "Enabled"),
            ("certificate-class", "mine.certificate.networking.knative.dev")
        );

        var certificate = _world.Cluster.All(Resources.Certificates).Single();
        certificate.Spec.DnsNames.Should().Equal("hello.default.example.com");
        certificate.Metadata.Annotations[NetworkingKeys.CertificateClass.Key].Should().Be("mine.certificate.networking.knative.dev");
    }

    [Test]
    public async Task The_older_name_of_external_domain_TLS_works_until_the_newer_one_is_there()
    {
        await RunAsync();

        await EditAsync("config-network", ("auto-tls", "Enabled"));
        _world.Cluster.All(Resources.Certificates).Should().ContainSingle();
        CertificateReason.Should().NotBe("TLSNotEnabled");

        await EditAsync("config-network", ("auto-tls", "Enabled"), ("external-domain-tls", "Disabled"));
        CertificateReason.Should().Be("TLSNotEnabled");
    }

    [Test]
    public async Task Traffic_moves_gradually_once_told_so()
    {
        await RunAsync();
        await EditAsync("config-network", ("rollout-duration", "100"));

        await ChangeImageAsync();

        Shares.Should().Equal(("hello-00001", 99), ("hello-00002", 1));
    }

    [Test]
    public async Task Traffic_moves_at_once_when_told_so_again()
    {
        await RunAsync();
        await EditAsync("config-network", ("rollout-duration", "100"));
        await EditAsync("config-network");

        await ChangeImageAsync();

        Shares.Should().Equal(("hello-00002", 100));
    }

    [Test]
    public async Task Domains_are_claimed_by_themselves_once_told_so()
    {
        await RunAsync();
        _world.Cluster.Put(
            Resources.DomainMappings,
            new DomainMapping
            {
                ApiVersion = Resources.DomainMappings.ApiVersion,
                Kind = Resources.DomainMappings.Kind,
                Metadata = new ObjectMeta { Namespace = Samples.Namespace, Name = Domain },
                Spec = new DomainMappingSpec
                {
                    Ref = new ObjectReference
                    {
                        ApiVersion = "serving.knative.dev/v1",
                        Kind = "Service",
                        Name = "hello",
                        Namespace = Samples.Namespace,
                    },
                },
            }
        );
        var settling = () => _world.SettleAsync();
        (await settling.Should().ThrowAsync<NotOwnedException>()).WithMessage("no ClusterDomainClaim found*");

        await EditAsync("config-network", ("autocreate-cluster-domain-claims", "true"));

        _world.Cluster.Find(Resources.ClusterDomainClaims, null, Domain)!.Spec.Namespace.Should().Be(Samples.Namespace);
    }

    [Test]
    public async Task Cluster_local_domain_TLS_asks_for_certificates_inside()
    {
        await RunAsync();

        await EditAsync("config-network", ("cluster-local-domain-tls", "Enabled"));

        _world.Cluster.All(Resources.Certificates).Single().Spec.DnsNames.Should().Contain("hello.default.svc.cluster.local");
    }

    [Test]
    public async Task Plain_HTTP_is_redirected_once_told_so()
    {
        await RunAsync();
        Ingress.Spec.HttpOption.Should().Be("Enabled");

        await EditAsync("config-network", ("http-protocol", "Redirected"));

        Ingress.Spec.HttpOption.Should().Be("Redirected");
    }

    [Test]
    public async Task The_tag_header_chooses_a_target_only_while_its_flag_is_on()
    {
        await RunAsync(tag: "blue");
        Headers.Should().NotContain("Knative-Serving-Tag");

        await EditAsync("config-features", ("tag-header-based-routing", "Enabled"));
        Headers.Should().Contain("Knative-Serving-Tag");

        await EditAsync("config-features", ("tag-header-based-routing", "Disabled"));
        Headers.Should().NotContain("Knative-Serving-Tag");
    }

    [Test]
    public async Task Another_sidecar_image_rolls_out_to_running_revisions()
    {
        await RunAsync();

        await EditAsync("config-deployment", ("queue-sidecar-image", "queue:2"));

        _world
            .Cluster.Find(Resources.Deployments, Samples.Namespace, "hello-00001-deployment")!
            .Spec!.Template!.Spec!.Containers[1]
            .Image.Should()
            .Be("queue:2");
    }

    [Test]
    public async Task The_log_URL_of_revisions_follows_its_template()
    {
        await RunAsync();

        await EditAsync("config-observability", ("logging.revision-url-template", "http://logs/${REVISION_UID}"));

        var revision = _world.Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!;
        revision.Status.LogUrl.Should().Be($"http://logs/{revision.Metadata.Uid}");
    }

    [Test]
    public async Task A_bad_edit_that_got_in_changes_nothing()
    {
        await RunAsync();

        await EditAsync("config-network", ("domain-template", "{{.Nope}}"));

        Route.Status.Url.Should().Be("http://hello.default.example.com");
    }

    private IEnumerable<(string Service, long Percent)> Shares =>
        Ingress.Spec.Rules[1].Http!.Paths[0].Splits.Select(split => (split.ServiceName, split.Percent));

    private string CertificateReason => Route.Status.Conditions.Single(condition => condition.Type == "CertificateProvisioned").Reason;

    private Route Route => _world.Cluster.Find(Resources.Routes, Samples.Namespace, "hello")!;

    private Ingress Ingress => _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!;

    private IEnumerable<string> Headers =>
        Ingress.Spec.Rules.SelectMany(rule => rule.Http!.Paths).SelectMany(path => path.Headers?.Keys ?? []);

    private async Task RunAsync(string tag = "")
    {
        var service = Samples.Service();
        var traffic = service.Spec.Traffic[0] with { Tag = tag };
        _world.Cluster.Put(Resources.KnativeServices, service with { Spec = service.Spec with { Traffic = [traffic] } });
        await _world.SettleAsync();
        _world.MakeReady("hello-00001");
        await _world.SettleAsync();
        _world.MakeIngressReady("hello");
        await _world.SettleAsync();
    }

    private async Task ChangeImageAsync()
    {
        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        await _world.Cluster.UpdateAsync(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with { Template = Samples.Template("app:2") },
            },
            CancellationToken.None
        );
        await _world.SettleAsync();
        _world.MakeReady("hello-00002");
        await _world.SettleAsync();
    }

    private async Task EditAsync(string map, params (string Key, string Value)[] data)
    {
        _live.Put(map, data);
        await _world.SettleAsync();
    }
}
