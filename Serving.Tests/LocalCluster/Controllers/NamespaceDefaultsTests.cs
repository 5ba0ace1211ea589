using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Reconcilers;
using Serving.LocalCluster.Controllers.Namespaces;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Controllers;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NamespaceDefaultsTests
{
    private readonly InMemoryCluster _cluster = new();

    [Test]
    public async Task A_namespace_gets_its_account_and_certificate_and_gets_them_back()
    {
        _cluster.Put(Resources.Namespaces, new Namespace { Metadata = new ObjectMeta { Name = "ns" } });
        await ReconcileAsync();
        _cluster.All(Resources.ServiceAccounts, "ns").Select(account => account.Metadata.Name).Should().Equal("default");
        _cluster.Find(Resources.ConfigMaps, "ns", "kube-root-ca.crt")!.Data.Should().Contain("ca.crt", "PEM");

        _cluster.ForgetWrites();
        await ReconcileAsync();
        _cluster.Writes.Should().BeEmpty();

        var map = _cluster.Find(Resources.ConfigMaps, "ns", "kube-root-ca.crt")!;
        _cluster.Put(Resources.ConfigMaps, map with { Data = new Dictionary<string, string> { ["ca.crt"] = "another" } });
        await _cluster.DeleteAsync(Resources.ServiceAccounts, "ns", "default", CancellationToken.None);
        await ReconcileAsync();
        _cluster.All(Resources.ServiceAccounts, "ns").Should().ContainSingle();
        _cluster.Find(Resources.ConfigMaps, "ns", "kube-root-ca.crt")!.Data.Should().Contain("ca.crt", "PEM");
    }

    [Test]
    public async Task A_namespace_that_goes_gets_nothing()
    {
        _cluster.Put(
            Resources.Namespaces,
            new Namespace
            {
                Metadata = new ObjectMeta { Name = "ns", DeletionTimestamp = Samples.Noon },
            }
        );

        await ReconcileAsync();

        _cluster.Writes.Should().BeEmpty();
    }

    [TestCase("default", true)]
    [TestCase("kube-root-ca.crt", true)]
    [TestCase("other", false)]
    public void Only_what_it_keeps_makes_it_look(string name, bool looks) =>
        NamespaceDefaultsReconciler
            .NamespaceOf(
                new ConfigMap
                {
                    Metadata = new ObjectMeta { Name = name, Namespace = "ns" },
                }
            )
            .Any()
            .Should()
            .Be(looks);

    private Task<Reconcile> ReconcileAsync() =>
        new NamespaceDefaultsReconciler(_cluster, "PEM").ReconcileAsync(new ObjectKey("", "ns"), _cluster, CancellationToken.None);
}
