using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Tests.Controller;

public sealed class DomainMappingTests
{
    private const string Domain = "shop.example.org";
    private ReconcilingCluster _world = null!;

    [SetUp]
    public async Task SetUp()
    {
        _world = new ReconcilingCluster();
        UseNetwork(network => network with { AutocreateClusterDomainClaims = true });
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await _world.SettleAsync();
        _world.MakeReady("hello-00001");
        await _world.SettleAsync();
        _world.MakeIngressReady("hello");
        await _world.SettleAsync();
    }

    [Test]
    public async Task A_domain_is_claimed_and_leads_to_the_Service_under_its_own_name()
    {
        PutMapping();
        await _world.SettleAsync();
        _world.MakeIngressReady(Domain);
        await _world.SettleAsync();

        var mapping = Mapping();
        Conditions
            .Should()
            .Equal("CertificateProvisioned=True", "DomainClaimed=True", "IngressReady=True", "Ready=True", "ReferenceResolved=True");
        Condition("CertificateProvisioned")
            .Should()
            .BeEquivalentTo(new { Reason = "TLSNotEnabled", Message = "external-domain-tls is not enabled" });
        mapping.Status.Url.Should().Be($"http://{Domain}");
        mapping.Status.Address!.Url.Should().Be($"http://{Domain}");
        _world.Cluster.Find(Resources.ClusterDomainClaims, null, Domain)!.Spec.Namespace.Should().Be(Samples.Namespace);
        var ingress = _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, Domain)!;
        var rule = ingress.Spec.Rules.Should().ContainSingle().Subject;
        rule.Should().BeEquivalentTo(new { Hosts = new[] { Domain }, Visibility = "ExternalIP" });
        var path = rule.Http!.Paths.Single();
        path.RewriteHost.Should().Be("hello.default.svc.cluster.local");
        path.Splits.Single()
            .Should()
            .BeEquivalentTo(
                new
                {
                    ServiceName = "hello",
                    ServiceNamespace = "default",
                    ServicePort = (IntOrString)80,
                    Percent = 100,
                }
            );
        path.Splits.Single().AppendHeaders.Should().Contain("K-Original-Host", Domain);
        ingress
            .Metadata.Labels.Should()
            .Contain(ServingKeys.DomainMappingNamespace, Samples.Namespace)
            .And.ContainKey(ServingKeys.DomainMappingUid);
    }

    [Test]
    public async Task A_domain_that_is_claimed_by_another_namespace_is_refused()
    {
        PutClaim("other");
        PutMapping();

        var reconciling = () => _world.SettleAsync();

        (await reconciling.Should().ThrowAsync<NotOwnedException>()).WithMessage(
            $"namespace \"default\" does not own ClusterDomainClaim for \"{Domain}\". It is namespace \"other\" that has claimed it."
        );
        Condition("DomainClaimed")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "DomainAlreadyClaimed",
                    Message = "The domain name is already in use by another DomainMapping. It is namespace \"other\" that has claimed it.",
                }
            );
        Condition("Ready")!.Status.Should().Be("False");
        _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, Domain).Should().BeNull();
    }

    [Test]
    public async Task Without_autocreation_an_administrator_claims_the_domain()
    {
        UseNetwork(network => network with { AutocreateClusterDomainClaims = false });
        PutMapping();
        var reconciling = () => _world.SettleAsync();
        (await reconciling.Should().ThrowAsync<NotOwnedException>()).WithMessage(
            $"no ClusterDomainClaim found for domain \"{Domain}\" (and autocreate-cluster-domain-claims property is not true)"
        );
        Condition("DomainClaimed")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "DomainClaimMissing",
                    Message = $"There is no ClusterDomainClaim \"{Domain}\", and autocreate-cluster-domain-claims in config-network is not true: create one with spec.namespace \"default\", or set that key.",
                }
            );

        PutClaim(Samples.Namespace);
        await _world.SettleAsync();

        Condition("DomainClaimed")!.Status.Should().Be("True");
    }

    [TestCase(true, Samples.Namespace, true)]
    [TestCase(false, Samples.Namespace, false)]
    [TestCase(true, "other", false)]
    public async Task Deleting_gives_back_the_own_claim_that_was_made_by_itself(bool autocreate, string owner, bool given)
    {
        PutMapping();
        await _world.SettleAsync();
        Mapping().Metadata.Finalizers.Should().Equal("domainmappings.serving.knative.dev");
        UseNetwork(network => network with { AutocreateClusterDomainClaims = autocreate });
        PutClaim(owner);

        await _world.Cluster.DeleteAsync(Resources.DomainMappings, Samples.Namespace, Domain, CancellationToken.None);
        await _world.SettleAsync();

        _world.Cluster.Find(Resources.DomainMappings, Samples.Namespace, Domain).Should().BeNull();
        (_world.Cluster.Find(Resources.ClusterDomainClaims, null, Domain) is null).Should().Be(given);
    }

    [TestCase(
        "serving.knative.dev/v1",
        "Service",
        "gone",
        "failed to get object default/gone: services.serving.knative.dev \"gone\" not found"
    )]
    [TestCase(
        "serving.knative.dev/v1",
        "Route",
        "gone",
        "failed to get object default/gone: routes.serving.knative.dev \"gone\" not found"
    )]
    [TestCase("v1", "Service", "gone", "failed to get object default/gone: services \"gone\" not found")]
    public async Task A_reference_to_nothing_is_said_and_heals(string version, string kind, string name, string message)
    {
        PutMapping(
            new ObjectReference
            {
                ApiVersion = version,
                Kind = kind,
                Name = name,
            }
        );

        await _world.SettleAsync();

        Condition("ReferenceResolved")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "ResolveFailed",
                    Message = message,
                }
            );
        var mapping = Mapping();
        _world.Cluster.Put(
            Resources.DomainMappings,
            mapping with
            {
                Spec = mapping.Spec with { Ref = mapping.Spec.Ref with { Name = "hello" } },
            }
        );
        await _world.SettleAsync();
        Condition("ReferenceResolved")!.Status.Should().Be("True");
    }

    [TestCase("", "first")]
    [TestCase("other", "second")]
    public async Task Whatever_says_where_it_answers_can_be_mapped(string address, string backend)
    {
        PutChannel(
            """{"addresses":[{"name":"main","url":"http://first.default.svc.cluster.local"},{"name":"other","url":"http://second.default.svc.cluster.local/"}]}"""
        );
        PutMapping(ChannelReference(address));

        await _world.SettleAsync();

        Condition("ReferenceResolved")!.Status.Should().Be("True");
        _world
            .Cluster.Find(Resources.Ingresses, Samples.Namespace, Domain)!
            .Spec.Rules[0]
            .Http!.Paths[0]
            .Splits[0]
            .ServiceName.Should()
            .Be(backend);
    }

    [TestCase(null, "", "failed to get object default/channel: channels.messaging.example.com \"channel\" not found")]
    [TestCase("{}", "", "address not set for {0}")]
    [TestCase("""{"address":{}}""", "", "URL missing in address of {0}")]
    [TestCase("""{"address":{"url":"http://"}}""", "", "hostname missing in address of {0}")]
    [TestCase("""{"addresses":[{"name":"a","url":"http://x"}]}""", "b", "address with name \"b\" not found for {0}")]
    [TestCase(
        """{"address":{"url":"http://broker.default.svc.cluster.local/path"}}""",
        "",
        "resolved URI \"http://broker.default.svc.cluster.local/path\" contains a path"
    )]
    [TestCase(
        """{"address":{"url":"http://example.com"}}""",
        "",
        "resolved URI \"http://example.com\" must be of the form {name}.{namespace}.svc.cluster.local"
    )]
    public async Task An_address_that_leads_nowhere_is_said_and_looked_at_again(string? status, string address, string message)
    {
        if (status is not null)
        {
            PutChannel(status);
        }

        _world.Discovery.FindAsync("messaging.example.com/v1", "Channel", default).ReturnsForAnyArgs(Channels);
        PutMapping(ChannelReference(address));

        await _world.SettleAsync();

        Condition("ReferenceResolved")!
            .Message.Should()
            .Be(
                message.Replace(
                    "{0}",
                    $"Kind = Channel, Namespace = default, Name = channel, APIVersion = messaging.example.com/v1, Group = , Address = {address}",
                    StringComparison.Ordinal
                )
            );
        PutChannel("""{"addresses":[{"name":"b","url":"http://late.default.svc.cluster.local"}]}""");
        await _world.SettleAsync();
        Condition("ReferenceResolved")!.Status.Should().Be("True");
    }

    [Test]
    public async Task A_kind_that_the_server_does_not_know_is_said()
    {
        PutMapping(ChannelReference(""));

        await _world.SettleAsync();

        Condition("ReferenceResolved")!
            .Message.Should()
            .Be("failed to get lister for messaging.example.com/v1, Resource=channels: the server could not find the requested resource");
    }

    [Test]
    public async Task A_plain_Service_can_be_mapped_too()
    {
        _world.Cluster.Put(
            Resources.Services,
            new CoreService
            {
                ApiVersion = "v1",
                Kind = "Service",
                Metadata = new ObjectMeta { Name = "plain", Namespace = Samples.Namespace },
            }
        );
        PutMapping(
            new ObjectReference
            {
                ApiVersion = "v1",
                Kind = "Service",
                Name = "plain",
            }
        );

        await _world.SettleAsync();

        _world
            .Cluster.Find(Resources.Ingresses, Samples.Namespace, Domain)!
            .Spec.Rules[0]
            .Http!.Paths[0]
            .RewriteHost.Should()
            .Be("plain.default.svc.cluster.local");
    }

    [Test]
    public async Task Another_namespaces_Service_is_not_mapped()
    {
        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        PutMapping(
            new ObjectReference
            {
                ApiVersion = "serving.knative.dev/v1",
                Kind = "Service",
                Name = "hello",
                Namespace = Samples.Namespace,
            },
            "elsewhere"
        );

        await _world.SettleAsync();

        ConditionSet
            .Get(_world.Cluster.Find(Resources.DomainMappings, "elsewhere", Domain)!.Status.Conditions, "ReferenceResolved")!
            .Message.Should()
            .Be($"resolved URI \"{service.Status.Address!.Url}\" must be in same namespace as DomainMapping");
    }

    [Test]
    public async Task A_certificate_of_its_own_makes_no_other()
    {
        PutMapping(tls: new SecretTls { SecretName = "mine" });

        await _world.SettleAsync();

        Mapping().Status.Url.Should().Be($"https://{Domain}");
        Condition("CertificateProvisioned")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "True",
                    Reason = "CertificateExternallyProvided",
                    Message = "TLS certificate was provided externally",
                }
            );
        _world.Cluster.All(Resources.Certificates).Should().BeEmpty();
        _world
            .Cluster.Find(Resources.Ingresses, Samples.Namespace, Domain)!
            .Spec.Tls.Single()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Hosts = new[] { Domain },
                    SecretName = "mine",
                    SecretNamespace = "default",
                }
            );
    }

    [TestCase(HttpProtocol.Enabled, "http", "True", "HTTPDowngrade")]
    [TestCase(HttpProtocol.Redirected, "https", "Unknown", "CertificateNotReady")]
    public async Task Until_the_certificate_is_there_plain_HTTP_is_served_if_allowed(
        HttpProtocol protocol,
        string scheme,
        string status,
        string reason
    )
    {
        UseNetwork(network => network with { ExternalDomainTls = true, HttpProtocol = protocol });
        PutMapping();
        await _world.SettleAsync();

        Mapping().Status.Url.Should().Be($"{scheme}://{Domain}");
        Condition("CertificateProvisioned").Should().BeEquivalentTo(new { Status = status, Reason = reason });
        var challenge = new Http01Challenge
        {
            Url = $"http://{Domain}/.well-known/acme-challenge/x",
            ServiceName = "solver",
            ServiceNamespace = Samples.Namespace,
            ServicePort = 8089,
        };
        _world.SetCertificate(Domain, "Unknown", challenge);
        await _world.SettleAsync();
        _world
            .Cluster.Find(Resources.Ingresses, Samples.Namespace, Domain)!
            .Spec.Rules[0]
            .Http!.Paths[0]
            .Path.Should()
            .Be("/.well-known/acme-challenge/x");

        _world.SetCertificate(Domain, "True");
        await _world.SettleAsync();
        Mapping().Status.Url.Should().Be($"https://{Domain}");
        Condition("CertificateProvisioned")!.Status.Should().Be("True");
        _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, Domain)!.Spec.Tls.Single().SecretName.Should().Be(Domain);
    }

    private IEnumerable<string> Conditions => Mapping().Status.Conditions.Select(condition => $"{condition.Type}={condition.Status}");

    private void UseNetwork(Func<NetworkConfig, NetworkConfig> change) =>
        _world.Config = _world.Config with { Network = change(_world.Config.Network) };

    private DomainMapping Mapping() => _world.Cluster.Find(Resources.DomainMappings, Samples.Namespace, Domain)!;

    private Condition? Condition(string type) => ConditionSet.Get(Mapping().Status.Conditions, type);

    private void PutMapping(ObjectReference? reference = null, string ns = Samples.Namespace, SecretTls? tls = null) =>
        _world.Cluster.Put(
            Resources.DomainMappings,
            new DomainMapping
            {
                ApiVersion = Resources.DomainMappings.ApiVersion,
                Kind = Resources.DomainMappings.Kind,
                Metadata = new ObjectMeta { Name = Domain, Namespace = ns },
                Spec = new DomainMappingSpec
                {
                    Ref =
                        reference
                        ?? new ObjectReference
                        {
                            ApiVersion = "serving.knative.dev/v1",
                            Kind = "Service",
                            Name = "hello",
                        },
                    Tls = tls,
                },
            }
        );

    private static ResourceType<AddressableObject> Channels { get; } =
        AddressableObject.Type(new ResourceType("messaging.example.com", "v1", "channels", "Channel"));

    private static ObjectReference ChannelReference(string address) =>
        System.Text.Json.JsonSerializer.Deserialize<ObjectReference>(
            $$"""{"apiVersion":"messaging.example.com/v1","kind":"Channel","name":"channel"{{(address.Length > 0 ? $",\"address\":\"{address}\"" : "")}}}""",
            ApiJson.Default.Options
        )!;

    private void PutChannel(string status)
    {
        _world.Discovery.FindAsync("messaging.example.com/v1", "Channel", default).ReturnsForAnyArgs(Channels);
        _world.Cluster.Put(
            Channels,
            new AddressableObject
            {
                Metadata = new ObjectMeta { Name = "channel", Namespace = Samples.Namespace },
                Status = System.Text.Json.JsonSerializer.Deserialize<AddressableStatus>(status, ApiJson.Default.Options)!,
            }
        );
    }

    private void PutClaim(string ns) =>
        _world.Cluster.Put(
            Resources.ClusterDomainClaims,
            new ClusterDomainClaim
            {
                ApiVersion = Resources.ClusterDomainClaims.ApiVersion,
                Kind = Resources.ClusterDomainClaims.Kind,
                Metadata = new ObjectMeta { Name = Domain },
                Spec = new ClusterDomainClaimSpec { Namespace = ns },
            }
        );
}
