using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Manifests;
using Serving.Kubernetes.Selectors;
using Serving.Kubernetes.Yaml;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Manifests;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ManifestApplierTests
{
    private readonly InMemoryCluster _cluster = new();

    [Test]
    public async Task Every_document_is_applied_namespaces_before_what_is_in_them()
    {
        var applied = await Applier()
            .ApplyTextAsync(
                "all.yaml",
                """
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: config}
                data: {a: "1"}
                ---
                # nothing here
                ---
                apiVersion: v1
                kind: Namespace
                metadata: {name: system}
                """,
                "me",
                CancellationToken.None
            );

        applied.Select(value => value.Kind).Should().Equal("Namespace", "ConfigMap");
        _cluster.Find(Resources.ConfigMaps, "default", "config")!.Data["a"].Should().Be("1");
    }

    [TestCase("kind: ConfigMap\nmetadata: {name: x}", "all.yaml: document 1: apiVersion: is missing")]
    [TestCase("apiVersion: v1\nkind: ConfigMap\nmetadata: {}", "all.yaml: document 1 (ConfigMap): metadata.name: is missing")]
    [TestCase(
        "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: x}",
        "all.yaml: document 1 (Thing x): kind: the API server does not serve Thing of x.io/v1"
    )]
    [TestCase("a: [", "all.yaml: line*")]
    public async Task What_is_wrong_is_said_in_one_line_with_file_and_document(string text, string says)
    {
        var apply = () => Applier().ApplyTextAsync("all.yaml", text, "me", CancellationToken.None);

        await apply.Should().ThrowAsync<KubernetesConfigurationException>().WithMessage(says);
    }

    [Test]
    public async Task A_refusal_names_the_field()
    {
        _cluster.FailNext(
            r => r.Verb == "patch",
            new KubernetesException(
                "apply",
                new Status
                {
                    Code = 422,
                    Reason = "Invalid",
                    Message = "ConfigMap \"x\" is invalid:\n data: wrong",
                    Details = new StatusDetails { Causes = [new StatusCause { Field = "data" }] },
                }
            )
        );

        var apply = () =>
            Applier().ApplyTextAsync("all.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}", "me", CancellationToken.None);

        await apply
            .Should()
            .ThrowAsync<KubernetesConfigurationException>()
            .WithMessage("all.yaml: document 1 (ConfigMap x): data: ConfigMap \"x\" is invalid: data: wrong");
    }

    [Test]
    public void Plain_scalars_take_their_type_from_their_spelling()
    {
        var node = YamlDocuments
            .Read("""{a: 1, b: "1", c: true, d: 'true', e: ~, f: 1.5, g: 1e3, h: 0777, i: 1.2.3, j: 10Mi, l: 0x10, m: &x [1], n: *x }""")
            .Single();

        JsonNode
            .DeepEquals(
                node,
                JsonNode.Parse(
                    """{"a":1,"b":"1","c":true,"d":"true","e":null,"f":1.5,"g":1000,"h":511,"i":"1.2.3","j":"10Mi","l":16,"m":[1],"n":[1]}"""
                )
            )
            .Should()
            .BeTrue(node.ToJsonString());
    }

    [TestCase("a=b", true)]
    [TestCase("a!=b", false)]
    [TestCase("a in (b, c),d", true)]
    [TestCase("a notin (b)", false)]
    [TestCase("!x,d==", true)]
    [TestCase("!a", false)]
    [TestCase("", true)]
    public void Label_selectors_match_as_the_server_does(string selector, bool matches) =>
        LabelMatcher.Parse(selector).Matches(new Dictionary<string, string> { ["a"] = "b", ["d"] = "" }).Should().Be(matches);

    private ManifestApplier Applier() => new(_cluster, new Known());

    private sealed class Known : IResourceDiscovery
    {
        public Task<IReadOnlyList<DiscoveredResource>> ListAsync(CancellationToken cancellation) => throw new NotSupportedException();

        public Task<ResourceType?> FindAsync(string apiVersion, string kind, CancellationToken cancellation) =>
            Task.FromResult(
                new ResourceType[] { Resources.ConfigMaps, Resources.Namespaces }.FirstOrDefault(type =>
                    type.Kind == kind && type.ApiVersion == apiVersion
                )
            );

        public Task<bool> ServesAsync(string apiVersion, string resource, CancellationToken cancellation) =>
            throw new NotSupportedException();
    }
}
