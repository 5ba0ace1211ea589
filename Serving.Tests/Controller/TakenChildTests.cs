using System.Text.Json;
using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Controller;

/// <summary>Every child of every reconciler whose name somebody else has, or that the server refuses: its owner says so, and goes on when
/// it can.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TakenChildTests
{
    private const string Domain = "shop.example.org";
    private readonly ReconcilingCluster _world = new();

    private static IEnumerable<TestCaseData> Children()
    {
        yield return Child(Resources.Configurations, "hello", "Service", "ConfigurationsReady", "NotOwned", "FailedCreate");
        yield return Child(Resources.Routes, "hello", "Service", "RoutesReady", "NotOwned", "FailedCreate");
        yield return Child(Resources.Revisions, "hello-00001", "Configuration", "Ready", "RevisionFailed", "RevisionFailed");
        yield return Child(Resources.Deployments, "hello-00001-deployment", "Revision", "ResourcesAvailable", "NotOwned", "FailedCreate");
        yield return Child(Resources.PodAutoscalers, "hello-00001", "Revision", "ResourcesAvailable", "NotOwned", "FailedCreate");
        yield return Child(
            Resources.Images,
            "hello-00001-cache-user-container",
            "Revision",
            "ResourcesAvailable",
            "NotOwned",
            "FailedCreate"
        );
        yield return Child(Resources.Services, "hello", "Route", "IngressReady", "NotOwned", "FailedCreate");
        yield return Child(Resources.Endpoints, "hello", "Route", "IngressReady", "NotOwned", "FailedCreate");
        yield return Child(Resources.Ingresses, "hello", "Route", "IngressReady", "NotOwned", "FailedCreate");
        yield return Child(
            Resources.Certificates,
            "route-*",
            "Route",
            "CertificateProvisioned",
            "CertificateNotOwned",
            "CertificateProvisionFailed"
        );
        yield return Child(
            Resources.ClusterDomainClaims,
            Domain,
            "DomainMapping",
            "DomainClaimed",
            "DomainAlreadyClaimed",
            "DomainClaimFailed"
        );
        yield return Child(Resources.Ingresses, Domain, "DomainMapping", "IngressReady", "NotOwned", "FailedCreate");
        yield return Child(
            Resources.Certificates,
            Domain,
            "DomainMapping",
            "CertificateProvisioned",
            "CertificateNotOwned",
            "CertificateProvisionFailed"
        );
    }

    [TestCaseSource(nameof(Children))]
    public async Task A_child_whose_name_is_taken_is_reported_with_whose_it_is_until_the_name_is_free(IChild child)
    {
        Arrange(child);
        await child.TakeAsync(_world);

        await RunAsync();

        child.Condition(_world).Should().Match<Condition>(condition => condition.Status == "False" && condition.Reason == child.NotOwned);
        child.Condition(_world)!.Message.Should().Contain(child.Holder);
        _world
            .Events.Received()
            .Warning(
                Arg.Is<IKubernetesObject>(about => about.Kind == child.Owner),
                "InternalError",
                Arg.Is<string>(message => message.Contains(child.TakenName(_world)) && message.Contains(child.Holder))
            );
        Shown(child)
            .Should()
            .Contain(condition => condition.Type == "Ready" && condition.Status == "False")
            .And.Contain(
                condition => condition.Status == "False" && condition.Message.Contains(child.Holder),
                "whoever describes the Service or DomainMapping sees it"
            );

        await child.FreeAsync(_world);
        await RunAsync();

        child.Condition(_world).Should().Match<Condition>(condition => condition.Status != "False");
    }

    [TestCaseSource(nameof(Children))]
    public async Task A_child_that_the_server_refuses_is_reported_with_the_servers_words_until_it_takes_it(IChild child)
    {
        Arrange(child);
        var refusal = new KubernetesException(
            "create",
            new Status
            {
                State = "Failure",
                Code = 403,
                Reason = "Forbidden",
                Message = "exceeded quota: few, requested: count=1",
            }
        );
        _world.Cluster.FailNext(
            request => request.Verb == "create" && request.Plural == child.Plural && child.IsNamed(request.Key.Name),
            refusal
        );

        IReadOnlyList<Exception> failures = [];
        for (var round = 0; round < 12 && failures.Count == 0; round++)
        {
            failures = await _world.TryOnceAsync();
            Serve();
        }

        failures.Should().ContainSingle().Which.Should().BeOfType<ChildRefusedException>();
        child.Condition(_world).Should().Match<Condition>(condition => condition.Status == "False" && condition.Reason == child.Refused);
        child.Condition(_world)!.Message.Should().Contain("exceeded quota: few");
        _world
            .Events.Received()
            .Warning(
                Arg.Is<IKubernetesObject>(about => about.Kind == child.Owner),
                Arg.Any<string>(),
                Arg.Is<string>(message => message.Contains("exceeded quota: few"))
            );

        await RunAsync();

        child.Condition(_world).Should().Match<Condition>(condition => condition.Status != "False");
    }

    [Test]
    public async Task A_number_that_another_Service_gave_its_Revision_as_a_name_is_reported()
    {
        var first = Samples.Service("foo");
        _world.Cluster.Put(
            Resources.KnativeServices,
            first with
            {
                Spec = first.Spec with { Template = first.Spec.Template with { Metadata = new ObjectMeta { Name = "foo-bar-00001" } } },
            }
        );
        await RunAsync();
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service("foo-bar"));

        await RunAsync();

        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "foo-bar")!;
        ConditionSet
            .Get(service.Status.Conditions, "ConfigurationsReady")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "RevisionFailed",
                    Message = "Revision creation failed with message: revisions.serving.knative.dev \"foo-bar-00001\" already exists. "
                        + "It belongs to Configuration \"foo\": choose another name, or delete that one.",
                }
            );
        _world
            .Events.Received()
            .Warning(
                Arg.Is<IKubernetesObject>(about => about is Configuration && about.Metadata.Name == "foo-bar"),
                "InternalError",
                Arg.Is<string>(message => message.Contains("foo-bar-00001"))
            );

        await _world.Cluster.DeleteAsync(Resources.Revisions, Samples.Namespace, "foo-bar-00001", CancellationToken.None);
        await _world.Cluster.DeleteAsync(Resources.KnativeServices, Samples.Namespace, "foo", CancellationToken.None);
        await _world.Cluster.DeleteAsync(Resources.Configurations, Samples.Namespace, "foo", CancellationToken.None);
        await RunAsync();

        _world
            .Cluster.Find(Resources.KnativeServices, Samples.Namespace, "foo-bar")!
            .Status.LatestCreatedRevisionName.Should()
            .Be("foo-bar-00001");
    }

    [Test]
    public async Task A_number_that_an_earlier_generation_was_given_as_a_name_is_reported()
    {
        var service = Samples.Service();
        service = _world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with { Template = service.Spec.Template with { Metadata = new ObjectMeta { Name = "hello-00002" } } },
            }
        );
        await RunAsync();
        service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        await _world.Cluster.UpdateAsync(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with { Template = Samples.Template("app:2") },
            },
            CancellationToken.None
        );

        await RunAsync();

        service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        ConditionSet
            .Get(service.Status.Conditions, "ConfigurationsReady")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Message = "Revision creation failed with message: revisions.serving.knative.dev \"hello-00002\" already exists. "
                        + "It is of generation 1 of this Configuration: choose another name in spec.template.metadata.name.",
                }
            );
    }

    [Test]
    public async Task A_child_that_the_cache_has_not_heard_of_is_taken_as_it_is()
    {
        var owner = Samples.Revision();
        var there = _world.Cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                Metadata = new ObjectMeta
                {
                    Name = "d",
                    Namespace = Samples.Namespace,
                    OwnerReferences =
                    [
                        new OwnerReference
                        {
                            Kind = "Revision",
                            Name = owner.Metadata.Name,
                            Uid = owner.Metadata.Uid,
                            Controller = true,
                        },
                    ],
                },
            }
        );

        var child = await ChildObjects.CreateAsync(_world.Cluster, Resources.Deployments, there, owner, CancellationToken.None);

        child.Outcome.Should().Be(ChildOutcome.Unchanged);
        child.Object.Metadata.Uid.Should().Be(there.Metadata.Uid);
    }

    [Test]
    public async Task Nothing_is_recorded_about_a_namespace_that_goes()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        var goes = new KubernetesException(
            "create",
            new Status
            {
                State = "Failure",
                Code = 403,
                Reason = "Forbidden",
                Message = "unable to create new content in namespace default because it is being terminated",
                Details = new StatusDetails
                {
                    Causes = [new StatusCause { Reason = "NamespaceTerminating", Message = "namespace default is being terminated" }],
                },
            }
        );
        _world.Cluster.FailNext(request => request is { Verb: "create", Plural: "configurations" }, goes);

        (await _world.TryOnceAsync()).Should().ContainSingle().Which.Should().BeSameAs(goes);

        _world.Events.DidNotReceiveWithAnyArgs().Warning(null!, "", "");
        _world.Cluster.Writes.Should().OnlyContain(write => write.Verb == "create");
    }

    private void Arrange(IChild child)
    {
        _world.Config = _world.Config with
        {
            Network = _world.Config.Network with
            {
                ExternalDomainTls = child.Plural == "certificates",
                AutocreateClusterDomainClaims = true,
                HttpProtocol = HttpProtocol.Redirected,
            },
        };
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        if (child.Owner == "DomainMapping")
        {
            _world.Cluster.Put(
                Resources.DomainMappings,
                new DomainMapping
                {
                    ApiVersion = Resources.DomainMappings.ApiVersion,
                    Kind = "DomainMapping",
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
        }
    }

    /// <summary>The conditions of what people made.</summary>
    private IReadOnlyList<Condition> Shown(IChild child) =>
        child.Owner == "DomainMapping"
            ? _world.Cluster.Find(Resources.DomainMappings, Samples.Namespace, Domain)!.Status.Conditions
            : _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!.Status.Conditions;

    /// <summary>Reconciles while pods and network layer do their part.</summary>
    private async Task RunAsync()
    {
        for (var round = 0; round < 6; round++)
        {
            await _world.SettleWithFailuresAsync();
            Serve();
        }

        await _world.SettleWithFailuresAsync();
    }

    private void Serve()
    {
        foreach (var revision in _world.Cluster.All(Resources.Revisions).Select(static revision => revision.Metadata.Name))
        {
            if (
                _world.Cluster.Find(Resources.PodAutoscalers, Samples.Namespace, revision) is not null
                && _world.Cluster.Find(Resources.Deployments, Samples.Namespace, revision + "-deployment") is not null
            )
            {
                _world.MakeReady(revision);
            }
        }

        foreach (
            var ingress in _world
                .Cluster.All(Resources.Ingresses)
                .Where(static ingress => ingress.Metadata.OwnerReferences.Any(static owner => owner.Kind != "Other"))
        )
        {
            _world.MakeIngressReady(ingress.Metadata.Name, ip: "10.1.1.1");
        }
    }

    private static TestCaseData Child<T>(ResourceType<T> type, string name, string owner, string condition, string notOwned, string refused)
        where T : class, IKubernetesObject =>
        new TestCaseData(new ChildOf<T>(type, name, owner, condition, notOwned, refused)).SetArgDisplayNames($"{type.Kind} of {owner}");

    /// <summary>One kind of child of one kind of owner.</summary>
    public interface IChild
    {
        string Plural { get; }
        string Owner { get; }
        string NotOwned { get; }
        string Refused { get; }

        /// <summary>What is said of who has the name.</summary>
        string Holder { get; }

        bool IsNamed(string name);
        string TakenName(object world);
        Task TakeAsync(object world);
        Task FreeAsync(object world);
        Condition? Condition(object world);
    }

    private sealed class ChildOf<T>(ResourceType<T> type, string name, string owner, string condition, string notOwned, string refused)
        : IChild
        where T : class, IKubernetesObject
    {
        public string Plural => type.Plural;

        public string Owner => owner;

        public string NotOwned => notOwned;

        public string Refused => refused;

        public string Holder => type.Kind == "ClusterDomainClaim" ? "namespace \"somebody-else\"" : "It belongs to Other \"somebody-else\"";

        public bool IsNamed(string actual) => name == "route-*" ? actual.StartsWith("route-", StringComparison.Ordinal) : actual == name;

        public string TakenName(object world) => name == "route-*" ? "route-" : name;

        public async Task TakeAsync(object world)
        {
            var reconciling = (ReconcilingCluster)world;
            var actual = name;
            if (name == "route-*")
            {
                // The name holds the Route's uid, so there must be one first.
                var service = reconciling.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
                await reconciling.TryOnceAsync();
                actual = "route-" + reconciling.Cluster.Find(Resources.Routes, Samples.Namespace, service.Metadata.Name)!.Metadata.Uid;
            }

            var ns = type.Namespaced ? $"\"namespace\":\"{Samples.Namespace}\"," : "";
            var spec = type.Kind == "ClusterDomainClaim" ? ",\"spec\":{\"namespace\":\"somebody-else\"}" : "";
            reconciling.Cluster.Put(
                type,
                JsonSerializer.Deserialize(
                    $$"""
                    {"apiVersion":"{{type.ApiVersion}}","kind":"{{type.Kind}}","metadata":{{{ns}}"name":"{{actual}}","generation":1,"ownerReferences":[
                    {"apiVersion":"example.com/v1","kind":"Other","name":"somebody-else","uid":"other","controller":true}]}{{spec}}}
                    """,
                    type.Json
                )!
            );
        }

        public async Task FreeAsync(object world)
        {
            var cluster = ((ReconcilingCluster)world).Cluster;
            foreach (
                var taken in cluster
                    .All(type)
                    .Where(value => value.Metadata.OwnerReferences.Any(static reference => reference.Kind == "Other"))
            )
            {
                await cluster.DeleteAsync(type, type.Namespaced ? Samples.Namespace : null, taken.Metadata.Name, CancellationToken.None);

                // As the garbage collector of Kubernetes does: what was made for it goes with it.
                await DeleteOwnedAsync(cluster, Resources.Ingresses, taken.Metadata.Uid);
                await DeleteOwnedAsync(cluster, Resources.Services, taken.Metadata.Uid);
                await DeleteOwnedAsync(cluster, Resources.Endpoints, taken.Metadata.Uid);
                await DeleteOwnedAsync(cluster, Resources.Deployments, taken.Metadata.Uid);
                await DeleteOwnedAsync(cluster, Resources.PodAutoscalers, taken.Metadata.Uid);
                await DeleteOwnedAsync(cluster, Resources.Images, taken.Metadata.Uid);
            }
        }

        private static async Task DeleteOwnedAsync<TChild>(InMemoryCluster cluster, ResourceType<TChild> kind, string uid)
            where TChild : class, IKubernetesObject
        {
            foreach (var child in cluster.All(kind).Where(child => child.Metadata.OwnerReferences.Any(reference => reference.Uid == uid)))
            {
                await cluster.DeleteAsync(kind, Samples.Namespace, child.Metadata.Name, CancellationToken.None);
            }
        }

        public Condition? Condition(object world)
        {
            var cluster = ((ReconcilingCluster)world).Cluster;
            IReadOnlyList<Condition> conditions = owner switch
            {
                "Service" => cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!.Status.Conditions,
                "Configuration" => cluster.Find(Resources.Configurations, Samples.Namespace, "hello")!.Status.Conditions,
                "Revision" => cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!.Status.Conditions,
                "Route" => cluster.Find(Resources.Routes, Samples.Namespace, "hello")!.Status.Conditions,
                _ => cluster.Find(Resources.DomainMappings, Samples.Namespace, Domain)!.Status.Conditions,
            };
            return ConditionSet.Get(conditions, condition);
        }
    }
}
