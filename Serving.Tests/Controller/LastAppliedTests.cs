using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;

namespace Serving.Tests.Controller;

/// <summary>Client-side apply works out what to delete from an annotation; a controller that loses it breaks the next apply.</summary>
public sealed class LastAppliedTests
{
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";
    private const string Domain = "shop.example.org";
    private ReconcilingCluster _world = null!;

    [SetUp]
    public void SetUp()
    {
        _world = new ReconcilingCluster();
        _world.Config = _world.Config with { Network = _world.Config.Network with { AutocreateClusterDomainClaims = true } };
    }

    [Test]
    public async Task What_was_applied_stays_on_every_kind_that_people_apply()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        _world.Cluster.Put(
            Resources.Configurations,
            new Configuration
            {
                Metadata = Applied("alone"),
                Spec = new ConfigurationSpec { Template = Samples.Template() },
            }
        );
        _world.Cluster.Put(
            Resources.Routes,
            new Route
            {
                Metadata = Applied("alone"),
                Spec = new RouteSpec
                {
                    Traffic =
                    [
                        new TrafficTarget
                        {
                            ConfigurationName = "alone",
                            LatestRevision = true,
                            Percent = 100,
                        },
                    ],
                },
            }
        );
        PutMapping();

        await ServeAsync();

        Annotations(Resources.KnativeServices, "hello").Should().Contain(LastApplied, "{}");
        Annotations(Resources.Configurations, "alone").Should().Contain(LastApplied, "{}");
        Annotations(Resources.Routes, "alone").Should().Contain(LastApplied, "{}");
        Annotations(Resources.DomainMappings, Domain).Should().Contain(LastApplied, "{}");
        _world.Cluster.Find(Resources.DomainMappings, Samples.Namespace, Domain)!.Metadata.Finalizers.Should().ContainSingle();
    }

    [Test]
    public async Task It_stays_on_children_that_are_replaced()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await ServeAsync();
        Annotate(Resources.Configurations);
        Annotate(Resources.Routes);
        Annotate(Resources.Ingresses);

        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        _world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Metadata = service.Metadata with { Labels = new Dictionary<string, string> { ["team"] = "b" } },
            }
        );
        await _world.SettleAsync();

        Annotations(Resources.Configurations, "hello").Should().Contain(LastApplied, "{}");
        Annotations(Resources.Routes, "hello").Should().Contain(LastApplied, "{}");
        Annotations(Resources.Ingresses, "hello").Should().Contain(LastApplied, "{}");
        _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!.Metadata.Labels.Should().Contain("team", "b");
    }

    [Test]
    public async Task It_stays_while_finalizers_are_taken_off()
    {
        _world.Cluster.Put(
            Resources.Routes,
            new Route { Metadata = Applied("old") with { Finalizers = ["routes.serving.knative.dev", "example.com/hold"] } }
        );
        PutMapping();
        await _world.SettleAsync();
        var mapping = _world.Cluster.Find(Resources.DomainMappings, Samples.Namespace, Domain)!;
        _world.Cluster.Put(
            Resources.DomainMappings,
            mapping with
            {
                Metadata = mapping.Metadata with { Finalizers = [.. mapping.Metadata.Finalizers, "example.com/hold"] },
            }
        );

        await _world.Cluster.DeleteAsync(Resources.Routes, Samples.Namespace, "old", CancellationToken.None);
        await _world.Cluster.DeleteAsync(Resources.DomainMappings, Samples.Namespace, Domain, CancellationToken.None);
        await _world.SettleAsync();

        Annotations(Resources.Routes, "old").Should().Contain(LastApplied, "{}");
        _world.Cluster.Find(Resources.Routes, Samples.Namespace, "old")!.Metadata.Finalizers.Should().Equal("example.com/hold");
        Annotations(Resources.DomainMappings, Domain).Should().Contain(LastApplied, "{}");
        _world.Cluster.Find(Resources.DomainMappings, Samples.Namespace, Domain)!.Metadata.Finalizers.Should().Equal("example.com/hold");
    }

    [Test]
    public async Task The_first_reconcile_of_a_DomainMapping_meets_no_conflict_of_its_own()
    {
        PutMapping();
        _world.Cluster.ForgetWrites();

        await _world.ReconcileOnceAsync();

        _world
            .Cluster.Writes.Where(write => write.Plural == "domainmappings")
            .Select(write => write.Verb)
            .Should()
            .Equal("patch", "update-status");
    }

    private static ObjectMeta Applied(string name) =>
        new()
        {
            Name = name,
            Namespace = Samples.Namespace,
            Annotations = new Dictionary<string, string> { [LastApplied] = "{}" },
        };

    private async Task ServeAsync()
    {
        await _world.SettleAsync();
        foreach (var revision in _world.Cluster.All(Resources.Revisions))
        {
            _world.MakeReady(revision.Metadata.Name);
        }

        await _world.SettleAsync();
    }

    private void PutMapping() =>
        _world.Cluster.Put(
            Resources.DomainMappings,
            new DomainMapping
            {
                Metadata = Applied(Domain),
                Spec = new DomainMappingSpec
                {
                    Ref = new ObjectReference
                    {
                        ApiVersion = "serving.knative.dev/v1",
                        Kind = "Service",
                        Name = "hello",
                    },
                },
            }
        );

    private void Annotate<T>(ResourceType<T> type)
        where T : KubernetesObject
    {
        var value = _world.Cluster.Find(type, Samples.Namespace, "hello")!;
        _world.Cluster.Put(
            type,
            (T)(
                (KubernetesObject)value with
                {
                    Metadata = value.Metadata with
                    {
                        Annotations = new Dictionary<string, string>(value.Metadata.Annotations) { [LastApplied] = "{}" },
                    },
                }
            )
        );
    }

    private IReadOnlyDictionary<string, string> Annotations<T>(ResourceType<T> type, string name)
        where T : class, IKubernetesObject => _world.Cluster.Find(type, Samples.Namespace, name)!.Metadata.Annotations;
}
