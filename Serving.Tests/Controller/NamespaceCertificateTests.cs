using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.NamespaceCertificates;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Tests.Support;

namespace Serving.Tests.Controller;

public sealed class NamespaceCertificateTests
{
    private static readonly LabelSelector Selector = new() { MatchLabels = new Dictionary<string, string> { ["tls"] = "wildcard" } };

    private InMemoryCluster _cluster = null!;
    private NamespaceCertificateReconciler _reconciler = null!;
    private ConfigSnapshot _config = null!;
    private IEventRecorder _events = null!;

    [SetUp]
    public void SetUp()
    {
        _cluster = new InMemoryCluster();
        _events = Substitute.For<IEventRecorder>();
        _reconciler = new NamespaceCertificateReconciler(
            _cluster.For(Resources.Namespaces).Lister,
            _cluster.For(Resources.Certificates).Lister,
            () => _config,
            _events
        );
        _config = ConfigSnapshot.Default with { Network = NetworkConfig.Default with { NamespaceWildcardCertSelector = Selector } };
        UseDomains("example.com");
        PutNamespace("shop", ("tls", "wildcard"));
        PutNamespace("plain");
    }

    [Test]
    public async Task A_selected_namespace_gets_a_Certificate_of_all_its_hosts()
    {
        await ReconcileAsync();

        var certificate = _cluster.All(Resources.Certificates).Should().ContainSingle().Subject;
        certificate.Metadata.Should().BeEquivalentTo(new { Name = "shop.example.com", Namespace = "shop" });
        certificate
            .Spec.Should()
            .BeEquivalentTo(
                new
                {
                    DnsNames = new[] { "*.shop.example.com" },
                    Domain = "",
                    SecretName = "shop.example.com",
                }
            );
        certificate
            .Metadata.Labels.Should()
            .Equal(new Dictionary<string, string> { ["networking.knative.dev/wildcardDomain"] = "example.com" });
        certificate
            .Metadata.Annotations.Should()
            .Equal(
                new Dictionary<string, string>
                {
                    ["networking.knative.dev/certificate.class"] = "cert-manager.certificate.networking.knative.dev",
                }
            );
        certificate
            .Metadata.OwnerReferences.Single()
            .Should()
            .Match<OwnerReference>(owner => owner.Kind == "Namespace" && owner.Name == "shop" && owner.Controller == true);
        _events.Received(1).Normal(Arg.Any<Certificate>(), "Created", "Created Knative Certificate shop/shop.example.com");

        _cluster.ForgetWrites();
        await ReconcileAsync();
        _cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task The_namespace_may_name_another_class()
    {
        var shop = _cluster.Find(Resources.Namespaces, null, "shop")!;
        _cluster.Put(
            Resources.Namespaces,
            shop with
            {
                Metadata = shop.Metadata with
                {
                    Annotations = new Dictionary<string, string> { [NetworkingKeys.CertificateClass.Key] = "other" },
                },
            }
        );

        await ReconcileAsync();

        _cluster.All(Resources.Certificates).Single().Metadata.Annotations[NetworkingKeys.CertificateClass.Key].Should().Be("other");
    }

    [Test]
    public async Task Each_wildcard_domain_has_its_own_and_they_go_with_it()
    {
        UseDomains("example.com", "example.net");
        await ReconcileAsync();
        Names().Should().Equal("shop.example.com", "shop.example.net");

        UseDomains("example.net");
        await ReconcileAsync();

        Names().Should().Equal("shop.example.net");
        _events.Received(1).Normal(Arg.Any<Certificate>(), "Deleted", "Deleted Knative Certificate shop/shop.example.com");
    }

    [Test]
    public async Task A_namespace_that_is_no_longer_selected_loses_its_own_alone()
    {
        await ReconcileAsync();
        PutWildcard("brought", "*.shop.example.org", "example.org");

        PutNamespace("shop");
        await ReconcileAsync();

        Names().Should().Equal("brought");
    }

    [Test]
    public async Task A_Certificate_that_somebody_brought_is_enough()
    {
        PutWildcard("brought", "*.shop.example.com", "example.com");

        await ReconcileAsync();

        Names().Should().Equal("brought");
    }

    [Test]
    public async Task Another_domain_template_changes_the_name_in_place()
    {
        await ReconcileAsync();
        _config = _config with
        {
            Network = _config.Network with { DomainName = static values => $"{values.Name}.{values.Namespace}.apps.{values.Domain}" },
        };

        await ReconcileAsync();

        var certificate = _cluster.All(Resources.Certificates).Single();
        certificate.Metadata.Name.Should().Be("shop.example.com");
        certificate
            .Spec.Should()
            .BeEquivalentTo(new { DnsNames = new[] { "*.shop.apps.example.com" }, SecretName = "shop.apps.example.com" });
    }

    [Test]
    public async Task A_domain_template_that_makes_no_wildcard_is_said()
    {
        _config = _config with
        {
            Network = _config.Network with
            {
                DomainTemplate = "{{.Namespace}}-{{.Name}}.{{.Domain}}",
                DomainName = static values => $"{values.Namespace}-{values.Name}.{values.Domain}",
            },
        };

        var reconciling = ReconcileAsync;

        (await reconciling.Should().ThrowAsync<FormatException>()).WithMessage(
            "failed to apply domain template {{.Namespace}}-{{.Name}}.{{.Domain}} to domain example.com and namespace shop: invalid DomainTemplate: shop-*.example.com"
        );
        _events.Received(1).Warning(Arg.Any<Namespace>(), "InternalError", Arg.Any<string>());
    }

    private async Task ReconcileAsync()
    {
        foreach (var ns in (string[])["plain", "shop", "gone"])
        {
            await _reconciler.ReconcileAsync(new ObjectKey("", ns), _cluster, CancellationToken.None);
        }
    }

    private IEnumerable<string> Names() => _cluster.All(Resources.Certificates).Select(certificate => certificate.Metadata.Name);

    private void UseDomains(params string[] wildcards) =>
        _config = _config with { Domain = _config.Domain with { Wildcards = wildcards.ToHashSet() } };

    private void PutNamespace(string name, params (string Key, string Value)[] labels) =>
        _cluster.Put(
            Resources.Namespaces,
            new Namespace
            {
                Metadata = new ObjectMeta { Name = name, Labels = labels.ToDictionary(l => l.Key, l => l.Value) },
            }
        );

    private void PutWildcard(string name, string dnsName, string domain) =>
        _cluster.Put(
            Resources.Certificates,
            new Certificate
            {
                Metadata = new ObjectMeta
                {
                    Name = name,
                    Namespace = "shop",
                    Labels = new Dictionary<string, string> { [NetworkingKeys.WildcardDomain] = domain },
                },
                Spec = new CertificateSpec { DnsNames = [dnsName], SecretName = name },
            }
        );
}
