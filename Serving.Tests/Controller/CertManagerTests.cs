using System.Text.Json;
using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.CertManager;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.CertManager;
using Serving.Kubernetes;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Controller;

public sealed class CertManagerTests
{
    private const string Name = "route-1";
    private const string Host = "hello.default.example.com";
    private static readonly ObjectKey Key = new("default", Name);

    private ManualTimeProvider _time = null!;
    private InMemoryCluster _cluster = null!;
    private IResourceDiscovery _discovery = null!;
    private ConfigSnapshot _config = null!;
    private CertManagerGate _reconciler = null!;
    private List<ObjectKey> _changed = null!;

    [SetUp]
    public void SetUp()
    {
        _time = new ManualTimeProvider();
        _cluster = new InMemoryCluster(_time);
        _discovery = Substitute.For<IResourceDiscovery>();
        _discovery
            .FindAsync("", "", default)
            .ReturnsForAnyArgs(call => CertManagerResources.All.First(type => type.Kind == call.ArgAt<string>(1)));
        _config = ConfigSnapshot.Default with { Network = NetworkConfig.Default with { ExternalDomainTls = true } };
        _changed = [];
        var certificates = _cluster.For(Resources.Certificates).Lister;
        var inner = new CertManagerReconciler(
            certificates,
            new HttpChallenges(_cluster.For(Resources.Services).Lister),
            () => _config,
            Substitute.For<IEventRecorder>(),
            _time
        );
        _reconciler = new CertManagerGate(
            certificates,
            new CertManagerApi(_cluster, _discovery, _time) { Changed = _changed.Add },
            () => _config,
            inner
        );
        PutIssuer("knative-selfsigned-issuer", """{"selfSigned":{}}""");
        PutCertificate();
    }

    [Test]
    public async Task Cert_manager_is_asked_for_what_a_Certificate_wants()
    {
        await ReconcileAsync();

        var made = Made()!;
        made.Metadata.OwnerReferences.Single()
            .Should()
            .Match<OwnerReference>(owner => owner.Kind == "Certificate" && owner.Name == Name && owner.Controller == true);
        made.Metadata.Labels.Should().Contain(NetworkingKeys.CertificateType, "external-domain");
        JsonSerializer
            .Serialize(made.Spec, ApiJson.Default.Options)
            .Should()
            .Be(
                """{"commonName":"hello.default.example.com","dnsNames":["hello.default.example.com"],"secretName":"route-1","issuerRef":{"name":"knative-selfsigned-issuer","kind":"ClusterIssuer"}"""
                    + ""","secretTemplate":{"labels":{"networking.internal.knative.dev/certificate-uid":"uid-1"}}}"""
            );
        Ready()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "Unknown",
                    Reason = "NoCertManagerCertCondition",
                    Message = "The ready condition of Cert Manager Certificate does not exist.",
                }
            );
        _changed.Should().Contain(Key, "a change of what was made must find what it was made for");

        _cluster.ForgetWrites();
        await ReconcileAsync();
        _cluster.Writes.Should().BeEmpty();
    }

    [TestCase("external-domain", "outside")]
    [TestCase("cluster-local-domain", "inside")]
    [TestCase("system-internal", "system")]
    public async Task The_type_of_a_certificate_chooses_its_issuer(string type, string issuer)
    {
        _config = _config with
        {
            CertManager = new CertManagerConfig
            {
                IssuerRef = new IssuerReference("outside", "ClusterIssuer"),
                ClusterLocalIssuerRef = new IssuerReference("inside", "ClusterIssuer"),
                SystemInternalIssuerRef = new IssuerReference("system", "ClusterIssuer"),
            },
        };
        PutIssuer(issuer, "{}");
        PutCertificate(type: type);

        await ReconcileAsync();

        Made()!.Spec.IssuerRef.Name.Should().Be(issuer);
    }

    [TestCase("True", "Ready", "True", "")]
    [TestCase("Unknown", "Wait", "Unknown", "Wait")]
    [TestCase("False", "InProgress", "Unknown", "InProgress")]
    [TestCase("False", "DoesNotExist", "False", "DoesNotExist")]
    public async Task What_cert_manager_says_is_handed_on(string said, string saidReason, string status, string reason)
    {
        await ReconcileAsync();
        SetMade(said, saidReason);

        await ReconcileAsync();

        (Ready().Status, Ready().Reason).Should().Be((status, reason));
        var certificate = Certificate();
        certificate.Status.NotAfter.Should().Be(_time.GetUtcNow() + TimeSpan.FromDays(90));
        certificate.Status.ObservedGeneration.Should().Be(certificate.Metadata.Generation);
    }

    [Test]
    public async Task Paths_that_an_authority_asks_for_are_told()
    {
        PutIssuer("knative-selfsigned-issuer", """{"acme":{"solvers":[{"http01":{"ingress":{}}}]}}""");
        var reconciling = ReconcileAsync;
        (await reconciling.Should().ThrowAsync<ChallengeException>()).WithMessage(
            $"no challenge solver service for domain {Host}; selector=acme.cert-manager.io/http-domain={Adler32.Decimal(Host)}"
        );
        Ready()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "Unknown",
                    Reason = "ReconcileFailed",
                    Message = "Cert-Manager certificate has not yet been reconciled.",
                }
            );
        PutSolver();

        await ReconcileAsync();

        Certificate()
            .Status.Http01Challenges.Should()
            .ContainSingle()
            .Which.Should()
            .BeEquivalentTo(
                new
                {
                    Url = $"http://{Host}/.well-known/acme-challenge/token",
                    ServiceName = "solver",
                    ServiceNamespace = "default",
                    ServicePort = (IntOrString)8089,
                }
            );
        SetMade("True", "Ready");
        await ReconcileAsync();
        Certificate().Status.Http01Challenges.Should().BeEmpty();
    }

    [Test]
    public async Task A_certificate_is_renewed_while_it_serves()
    {
        PutIssuer("knative-selfsigned-issuer", """{"acme":{"solvers":[{"http01":{}}]}}""");
        PutSolver();
        await ReconcileAsync();
        SetMade("True", "Ready");
        (await _reconciler.ReconcileAsync(Key, _cluster, default))
            .Requeue.Should()
            .Be(TimeSpan.FromDays(1), "it is looked at again before it is renewed");
        Ready().Status.Should().Be("True");

        _time.Advance(TimeSpan.FromDays(61));
        await ReconcileAsync();

        Ready().Status.Should().Be("True");
        ConditionSet.IsTrue(Certificate().Status.Conditions, "Renewing").Should().BeTrue();
        Certificate().Status.Http01Challenges.Should().ContainSingle();
        SetMade("True", "Ready");
        await ReconcileAsync();
        ConditionSet.Get(Certificate().Status.Conditions, "Renewing").Should().BeNull();
    }

    [Test]
    public async Task A_Certificate_of_cert_manager_that_is_not_ours_is_left_alone()
    {
        _cluster.Put(
            CertManagerResources.Certificates,
            new CertManagerCertificate
            {
                Metadata = new ObjectMeta { Name = Name, Namespace = "default" },
                Spec = new CertManagerCertificateSpec { CommonName = "other" },
            }
        );

        var reconciling = ReconcileAsync;

        await reconciling.Should().ThrowAsync<NotOwnedException>();
        Made()!.Spec.CommonName.Should().Be("other");
        Ready()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "NotOwned",
                    Message = "There is an existing CertManagerCertificate \"route-1\" that we do not own. Nothing controls it: delete it, or choose another name.",
                }
            );
    }

    [Test]
    public async Task A_change_reaches_cert_manager_and_keeps_what_others_set()
    {
        await ReconcileAsync();
        var made = Made()!;
        _cluster.Put(
            CertManagerResources.Certificates,
            made with
            {
                Spec = JsonSerializer.Deserialize<CertManagerCertificateSpec>(
                    JsonSerializer.Serialize(made.Spec, ApiJson.Default.Options)[..^1] + ""","duration":"48h"}""",
                    ApiJson.Default.Options
                )!,
            }
        );
        PutCertificate(names: ["other.default.example.com"]);

        await ReconcileAsync();

        Made()!.Spec.DnsNames.Should().Equal("other.default.example.com");
        Made()!.Spec.ExtensionData.Should().ContainKey("duration");
    }

    [Test]
    public async Task A_host_that_is_no_common_name_gives_way_to_a_short_one()
    {
        var host = new string('a', 60) + ".default.example.com";
        PutCertificate(names: [host], domain: "example.com");

        await ReconcileAsync();

        Made()!.Spec.CommonName.Should().Be("k.example.com");
        Made()!.Spec.DnsNames.Should().Equal("k.example.com", host);
    }

    [TestCase("", "CommonName ({0}) too long and field spec.Domain on Kcert is empty, cannot attempt to shorten")]
    [TestCase("{0}", "CommonName ({0}) longer than 63 characters")]
    public async Task A_host_that_cannot_be_shortened_fails(string domain, string message)
    {
        var host = new string('a', 60) + ".example.com";
        PutCertificate(names: [host], domain: domain.Replace("{0}", host, StringComparison.Ordinal));

        await ReconcileAsync();

        Made().Should().BeNull();
        Ready()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "CommonName Too Long",
                    Message = "error creating cert-manager certificate: " + message.Replace("{0}", host, StringComparison.Ordinal),
                }
            );
    }

    [Test]
    public async Task Without_cert_manager_nothing_is_touched_until_it_comes()
    {
        _discovery.FindAsync("acme.cert-manager.io/v1", "Challenge", default).ReturnsForAnyArgs((ResourceType?)null);
        (await _reconciler.ReconcileAsync(Key, _cluster, default)).Requeue.Should().Be(CertManagerApi.Interval);
        _cluster.Writes.Should().BeEmpty();

        _discovery.FindAsync("", "", default).ReturnsForAnyArgs(CertManagerResources.Certificates);
        _time.Advance(TimeSpan.FromSeconds(10));
        (await _reconciler.ReconcileAsync(Key, _cluster, default))
            .Requeue.Should()
            .Be(TimeSpan.FromSeconds(20), "a cluster is not asked for each certificate");
        _time.Advance(TimeSpan.FromSeconds(20));
        await ReconcileAsync();

        Made().Should().NotBeNull();
    }

    [TestCase("other.example.com", true)]
    [TestCase(NetworkingKeys.CertManagerCertificateClass, false)]
    public async Task Certificates_of_others_and_those_that_nobody_asked_for_are_not_touched(string certificateClass, bool required)
    {
        PutCertificate(certificateClass: certificateClass);
        _config = _config with { Network = _config.Network with { ExternalDomainTls = required } };
        _cluster.ForgetWrites();

        await ReconcileAsync();

        _cluster.Writes.Should().BeEmpty();
    }

    private async Task ReconcileAsync() => await _reconciler.ReconcileAsync(Key, _cluster, CancellationToken.None);

    private Certificate Certificate() => _cluster.Find(Resources.Certificates, "default", Name)!;

    private Condition Ready() => ConditionSet.Get(Certificate().Status.Conditions, "Ready")!;

    private CertManagerCertificate? Made() => _cluster.Find(CertManagerResources.Certificates, "default", Name);

    private void SetMade(string status, string reason) =>
        _cluster.Put(
            CertManagerResources.Certificates,
            Made()! with
            {
                Status = new CertManagerCertificateStatus
                {
                    NotAfter = _time.GetUtcNow() + TimeSpan.FromDays(90),
                    RenewalTime = _time.GetUtcNow() + TimeSpan.FromDays(60),
                    Conditions =
                    [
                        new Condition
                        {
                            Type = "Ready",
                            Status = status,
                            Reason = reason,
                            Message = "said",
                        },
                    ],
                },
            }
        );

    private void PutCertificate(
        string type = "external-domain",
        string[]? names = null,
        string domain = "example.com",
        string certificateClass = NetworkingKeys.CertManagerCertificateClass
    ) =>
        _cluster.Put(
            Resources.Certificates,
            new Certificate
            {
                Metadata = new ObjectMeta
                {
                    Name = Name,
                    Namespace = "default",
                    Uid = "uid-1",
                    Labels = new Dictionary<string, string> { [NetworkingKeys.CertificateType] = type },
                    Annotations = new Dictionary<string, string> { [NetworkingKeys.CertificateClass.Key] = certificateClass },
                },
                Spec = new CertificateSpec
                {
                    DnsNames = names ?? [Host],
                    Domain = domain,
                    SecretName = Name,
                },
            }
        );

    private void PutIssuer(string name, string spec) =>
        _cluster.Put(
            CertManagerResources.ClusterIssuers,
            new CertManagerIssuer
            {
                Metadata = new ObjectMeta { Name = name },
                Spec = JsonSerializer.Deserialize<CertManagerIssuerSpec>(spec, ApiJson.Default.Options)!,
            }
        );

    private void PutSolver()
    {
        _cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta
                {
                    Name = "solver",
                    Namespace = "default",
                    Labels = new Dictionary<string, string> { ["acme.cert-manager.io/http-domain"] = Adler32.Decimal(Host) },
                    OwnerReferences = [new OwnerReference { Kind = "Challenge", Name = "challenge" }],
                },
                Spec = new CoreServiceSpec { Ports = [new ServicePort { Port = 8089, TargetPort = 8089 }] },
            }
        );
        _cluster.Put(
            CertManagerResources.Challenges,
            new CertManagerChallenge
            {
                Metadata = new ObjectMeta { Name = "challenge", Namespace = "default" },
                Spec = new CertManagerChallengeSpec { DnsName = Host, Token = "token" },
            }
        );
    }
}
