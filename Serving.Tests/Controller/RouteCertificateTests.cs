using FluentAssertions;
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

public sealed class RouteCertificateTests
{
    private const string Host = "hello.default.example.com";
    private ReconcilingCluster _world = null!;

    [SetUp]
    public void SetUp()
    {
        _world = new ReconcilingCluster();
        UseNetwork(network =>
            network with
            {
                ExternalDomainTls = true,
                HttpProtocol = HttpProtocol.Redirected,
                DefaultExternalScheme = "https",
            }
        );
    }

    [Test]
    public async Task The_external_host_gets_a_Certificate_and_then_TLS()
    {
        await ServeAsync();

        var route = Route();
        var name = $"route-{route.Metadata.Uid}";
        var certificate = _world.Cluster.Find(Resources.Certificates, Samples.Namespace, name)!;
        certificate
            .Spec.Should()
            .BeEquivalentTo(
                new
                {
                    DnsNames = new[] { Host },
                    Domain = "example.com",
                    SecretName = name,
                }
            );
        certificate
            .Metadata.Labels.Should()
            .Contain(ServingKeys.Route, "hello")
            .And.Contain(NetworkingKeys.CertificateType, "external-domain");
        certificate.Metadata.Annotations.Should().Contain(NetworkingKeys.CertificateClass.Key, NetworkingKeys.CertManagerCertificateClass);
        Condition("CertificateProvisioned")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "Unknown",
                    Reason = "CertificateNotReady",
                    Message = $"Certificate {name} is not ready: ",
                }
            );

        _world.SetCertificate(name, "True");
        await _world.SettleAsync();
        _world.MakeIngressReady("hello");
        await _world.SettleAsync();

        Condition("CertificateProvisioned")!.Status.Should().Be("True");
        Route().Status.Url.Should().Be($"https://{Host}");
        var ingress = _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!;
        ingress.Spec.HttpOption.Should().Be("Redirected");
        ingress
            .Spec.Tls.Single()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Hosts = new[] { Host },
                    SecretName = name,
                    SecretNamespace = "default",
                }
            );
        _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!.Status.Url.Should().Be($"https://{Host}");
    }

    [Test]
    public async Task Plain_HTTP_stands_in_until_the_Certificate_is_ready_when_it_is_allowed()
    {
        UseNetwork(network => network with { HttpProtocol = HttpProtocol.Enabled });

        await ServeAsync();

        Route().Status.Url.Should().Be($"http://{Host}");
        Condition("CertificateProvisioned").Should().BeEquivalentTo(new { Status = "True", Reason = "HTTPDowngrade" });
        _world.Time.Advance(TimeSpan.FromSeconds(5));
        _world.Cluster.ForgetWrites();
        await _world.ReconcileOnceAsync();
        _world.Cluster.Writes.Should().BeEmpty("nothing has changed but the time");
    }

    [Test]
    public async Task A_failed_Certificate_is_said()
    {
        await ServeAsync();
        var name = $"route-{Route().Metadata.Uid}";

        _world.SetCertificate(name, "False");
        await _world.SettleAsync();

        Condition("CertificateProvisioned")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "CertificateProvisionFailed",
                    Message = $"Certificate {name} fails to be provisioned: ",
                }
            );
    }

    [Test]
    public async Task Open_challenges_are_reachable_under_the_host()
    {
        await ServeAsync();
        _world.SetCertificate(
            $"route-{Route().Metadata.Uid}",
            "Unknown",
            new Http01Challenge
            {
                Url = $"http://{Host}/.well-known/acme-challenge/x",
                ServiceName = "solver",
                ServiceNamespace = Samples.Namespace,
                ServicePort = 8089,
            }
        );

        await _world.SettleAsync();

        var rules = _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!.Spec.Rules;
        rules
            .Single(rule => rule.Visibility == "ExternalIP")
            .Http!.Paths[0]
            .Should()
            .BeEquivalentTo(new { Path = "/.well-known/acme-challenge/x" });
        rules.Single(rule => rule.Visibility == "ClusterLocal").Http!.Paths.Should().ContainSingle();
    }

    [Test]
    public async Task A_wildcard_Certificate_of_the_namespace_is_used_for_all_hosts()
    {
        _world.Cluster.Put(
            Resources.Certificates,
            new Certificate
            {
                ApiVersion = Resources.Certificates.ApiVersion,
                Kind = Resources.Certificates.Kind,
                Metadata = new ObjectMeta
                {
                    Name = "wildcard",
                    Namespace = Samples.Namespace,
                    Generation = 1,
                    Labels = new Dictionary<string, string> { [NetworkingKeys.WildcardDomain] = "example.com" },
                },
                Spec = new CertificateSpec { DnsNames = ["*.default.example.com"], SecretName = "wildcard" },
                Status = new CertificateStatus { ObservedGeneration = 1, Conditions = [new Condition { Type = "Ready", Status = "True" }] },
            }
        );

        await ServeAsync();

        _world.Cluster.All(Resources.Certificates).Should().ContainSingle();
        _world
            .Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!
            .Spec.Tls.Single()
            .Should()
            .BeEquivalentTo(new { Hosts = new[] { Host }, SecretName = "wildcard" });
    }

    [Test]
    public async Task A_Route_may_opt_out()
    {
        var service = Samples.Service();
        _world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Metadata = service.Metadata with
                {
                    Annotations = new Dictionary<string, string> { [NetworkingKeys.DisableExternalDomainTls.Key] = "true" },
                },
            }
        );
        await ServeAsync(create: false);

        _world.Cluster.All(Resources.Certificates).Should().BeEmpty();
        Condition("CertificateProvisioned")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "True",
                    Reason = "TLSNotEnabled",
                    Message = "external-domain-tls is not enabled",
                }
            );
    }

    [Test]
    public async Task Tags_have_Certificates_of_their_own_that_go_with_them()
    {
        await ServeAsync();
        await UpdateTrafficAsync([
            new TrafficTarget
            {
                LatestRevision = true,
                Percent = 100,
                Tag = "blue",
            },
        ]);
        _world
            .Cluster.All(Resources.Certificates)
            .SelectMany(certificate => certificate.Spec.DnsNames)
            .Should()
            .BeEquivalentTo([Host, $"blue-{Host}"]);

        await UpdateTrafficAsync([new TrafficTarget { LatestRevision = true, Percent = 100 }]);

        _world.Cluster.All(Resources.Certificates).SelectMany(certificate => certificate.Spec.DnsNames).Should().Equal(Host);
    }

    [Test]
    public async Task Names_in_the_cluster_get_a_Certificate_when_asked_for()
    {
        UseNetwork(network => network with { ExternalDomainTls = false, ClusterLocalDomainTls = true, DefaultExternalScheme = "http" });
        await ServeAsync();
        var name = $"route-{Route().Metadata.Uid}-local";
        var certificate = _world.Cluster.Find(Resources.Certificates, Samples.Namespace, name)!;
        certificate.Spec.DnsNames.Should().BeEquivalentTo(["hello.default", "hello.default.svc", "hello.default.svc.cluster.local"]);
        certificate.Spec.Domain.Should().Be("svc.cluster.local");
        certificate.Metadata.Labels.Should().Contain(NetworkingKeys.CertificateType, "cluster-local-domain");

        _world.SetCertificate(name, "True");
        await _world.SettleAsync();

        Route().Status.Address!.Url.Should().Be("https://hello.default.svc.cluster.local");
        Route().Status.Url.Should().Be($"http://{Host}");
    }

    [Test]
    public async Task A_Certificate_of_names_in_the_cluster_leaves_the_URLs_of_tags_as_they_are()
    {
        UseNetwork(network => network with { ExternalDomainTls = false, ClusterLocalDomainTls = true, DefaultExternalScheme = "http" });
        var service = Samples.Service();
        _world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Metadata = service.Metadata with
                {
                    Labels = new Dictionary<string, string> { [NetworkingKeys.Visibility] = NetworkingKeys.ClusterLocal },
                },
                Spec = service.Spec with
                {
                    Traffic =
                    [
                        new TrafficTarget
                        {
                            LatestRevision = true,
                            Percent = 100,
                            Tag = "blue",
                        },
                    ],
                },
            }
        );
        await ServeAsync(create: false);
        foreach (var certificate in _world.Cluster.All(Resources.Certificates))
        {
            _world.SetCertificate(certificate.Metadata.Name, "True");
        }

        await _world.SettleAsync();

        Route().Status.Url.Should().Be("https://hello.default.svc.cluster.local");
        Route().Status.Traffic.Single().Url.Should().Be("http://blue-hello.default.svc.cluster.local");
    }

    [Test]
    public async Task Labels_of_a_Certificate_are_put_right()
    {
        await ServeAsync();
        var name = $"route-{Route().Metadata.Uid}";
        var certificate = _world.Cluster.Find(Resources.Certificates, Samples.Namespace, name)!;
        _world.Cluster.Put(Resources.Certificates, certificate with { Metadata = certificate.Metadata with { Labels = Empty.Map } });

        await _world.SettleAsync();

        _world
            .Cluster.Find(Resources.Certificates, Samples.Namespace, name)!
            .Metadata.Labels.Should()
            .Contain(ServingKeys.Route, "hello")
            .And.Contain(NetworkingKeys.CertificateType, "external-domain");
    }

    [Test]
    public async Task A_Route_in_the_cluster_needs_no_external_Certificate()
    {
        var service = Samples.Service();
        _world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Metadata = service.Metadata with
                {
                    Labels = new Dictionary<string, string> { [NetworkingKeys.Visibility] = NetworkingKeys.ClusterLocal },
                },
            }
        );

        await ServeAsync(create: false);

        _world.Cluster.All(Resources.Certificates).Should().BeEmpty();
        Condition("CertificateProvisioned")!.Message.Should().Be("TLS is not enabled for cluster-local");
        Route().Status.Url.Should().Be("http://hello.default.svc.cluster.local");
        _world
            .Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!
            .Spec.Rules.Should()
            .OnlyContain(rule => rule.Visibility == "ClusterLocal");
    }

    [Test]
    public async Task Somebody_elses_Certificate_is_left_alone()
    {
        await ServeAsync();
        var name = $"route-{Route().Metadata.Uid}";
        var certificate = _world.Cluster.Find(Resources.Certificates, Samples.Namespace, name)!;
        _world.Cluster.Put(Resources.Certificates, certificate with { Metadata = certificate.Metadata with { OwnerReferences = [] } });

        var reconciling = () => _world.SettleAsync();

        (await reconciling.Should().ThrowAsync<NotOwnedException>()).WithMessage(
            $"notowned: owner: hello with Type *v1.Route does not own Certificate: \"{name}\". Nothing controls it*"
        );
        Condition("CertificateProvisioned")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "CertificateNotOwned",
                    Message = $"There is an existing certificate {name} that we don't own. Nothing controls it: delete it, or choose another name.",
                }
            );
    }

    [Test]
    public async Task Encrypted_traffic_within_the_system_waits_for_the_sidecars_Certificate()
    {
        UseNetwork(network => network with { ExternalDomainTls = false, SystemInternalTls = true });
        _world.Cluster.Put(
            Resources.Namespaces,
            new Namespace
            {
                ApiVersion = "v1",
                Kind = "Namespace",
                Metadata = new ObjectMeta { Name = Samples.Namespace },
            }
        );
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        var reconciling = () => _world.SettleAsync();

        (await reconciling.Should().ThrowAsync<Exception>()).WithMessage(
            "secret default/serving-certs is not ready yet: secret could not be found"
        );
        _world.Cluster.All(Resources.Deployments).Should().BeEmpty();
        var certificate = _world.Cluster.Find(Resources.Certificates, Samples.Namespace, "serving-certs")!;
        certificate.Spec.DnsNames.Should().Equal("kn-user-default", "data-plane.knative.dev");
        certificate.Metadata.OwnerReferences.Single().Kind.Should().Be("Namespace");

        _world.Cluster.Put(
            Resources.Secrets,
            new Secret
            {
                ApiVersion = "v1",
                Kind = "Secret",
                Metadata = new ObjectMeta { Name = "serving-certs", Namespace = Samples.Namespace },
                Data = new Dictionary<string, byte[]> { ["tls.crt"] = [1], ["tls.key"] = [2] },
            }
        );
        await _world.SettleAsync();
        _world.Cluster.All(Resources.Deployments).Should().ContainSingle();
    }

    private void UseNetwork(Func<NetworkConfig, NetworkConfig> change) =>
        _world.Config = _world.Config with { Network = change(_world.Config.Network) };

    private Route Route() => _world.Cluster.Find(Resources.Routes, Samples.Namespace, "hello")!;

    private Condition? Condition(string type) => ConditionSet.Get(Route().Status.Conditions, type);

    private async Task UpdateTrafficAsync(IReadOnlyList<TrafficTarget> traffic)
    {
        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        await _world.Cluster.UpdateAsync(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with { Traffic = traffic },
            },
            CancellationToken.None
        );
        await _world.SettleAsync();
    }

    private async Task ServeAsync(bool create = true)
    {
        if (create)
        {
            _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        }

        await _world.SettleAsync();
        _world.MakeReady("hello-00001");
        await _world.SettleAsync();
    }
}
