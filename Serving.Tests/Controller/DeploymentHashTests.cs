using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Controller.Revisions.Resources;

namespace Serving.Tests.Controller;

/// <summary>Deployments of earlier releases carry the hash: with another one for the same contents, an upgrade would restart every
/// pod.</summary>
public sealed class DeploymentHashTests
{
    private static readonly Deployment Sample = new()
    {
        Metadata = new ObjectMeta
        {
            Labels = new Dictionary<string, string>
            {
                ["b"] = "2",
                ["a"] = "1",
                ["é"] = "Zürich \"<&>\" \u0001 😀",
            },
            Annotations = new Dictionary<string, string> { ["z"] = "", ["autoscaling.knative.dev/target"] = "10" },
        },
        Spec = new DeploymentSpec
        {
            Replicas = 3,
            Selector = new LabelSelector
            {
                MatchLabels = new Dictionary<string, string> { ["y"] = "1", ["x"] = "2" },
            },
            Template = new PodTemplateSpec
            {
                Metadata = new ObjectMeta { Labels = new Dictionary<string, string> { ["q"] = "r" } },
                Spec = new PodSpec
                {
                    Containers =
                    [
                        new Container
                        {
                            Name = "user-container",
                            Image = "app:1",
                            Args = ["b", "a"],
                        },
                        new Container { Name = "queue-proxy", Image = "queue" },
                    ],
                },
            },
        },
    };

    [Test]
    public void Is_that_of_the_sorted_document_as_text() => DeploymentHash.Of(Sample).Should().Be(OfText(Sample));

    [Test]
    public void Does_not_depend_on_the_order_of_fields()
    {
        var other = Sample with { Metadata = Sample.Metadata with { Labels = Sample.Metadata.Labels.Reverse().ToDictionary() } };

        DeploymentHash.Of(other).Should().Be(DeploymentHash.Of(Sample));
        DeploymentHash.Of(Sample with { Spec = Sample.Spec! with { Replicas = 4 } }).Should().NotBe(DeploymentHash.Of(Sample));
    }

    /// <summary>The definition: FNV-1a over the UTF-16 text of the document, whose members are sorted at every depth.</summary>
    private static string OfText(Deployment deployment)
    {
        var document = JsonSerializer.SerializeToNode(
            new Deployment
            {
                Metadata = new ObjectMeta { Labels = deployment.Metadata.Labels, Annotations = deployment.Metadata.Annotations },
                Spec = deployment.Spec,
            },
            Resources.Deployments.Json
        );
        var hash = 2166136261u;
        foreach (var character in Sorted(document)!.ToJsonString())
        {
            hash = unchecked((hash ^ (byte)character) * 16777619);
            hash = unchecked((hash ^ (byte)(character >> 8)) * 16777619);
        }

        var text = "";
        for (; hash > 0; hash /= 36)
        {
            text = "0123456789abcdefghijklmnopqrstuvwxyz"[(int)(hash % 36)] + text;
        }

        return "0" + text;
    }

    private static JsonNode? Sorted(JsonNode? node) =>
        node switch
        {
            JsonObject value => new JsonObject(
                value.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => KeyValuePair.Create(pair.Key, Sorted(pair.Value)))
            ),
            JsonArray value => new JsonArray([.. value.Select(Sorted)]),
            _ => node?.DeepClone(),
        };
}
