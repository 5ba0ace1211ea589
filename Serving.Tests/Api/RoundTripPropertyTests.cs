using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using Serving.Api;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Api;

/// <summary>Any document survives a round trip through the typed records.</summary>
public sealed class RoundTripPropertyTests
{
    private static IEnumerable<IResource> Kinds =>
        [
            new Of<Serving.Api.Knative.Service>(Resources.KnativeServices),
            new Of<Serving.Api.Knative.Configuration>(Resources.Configurations),
            new Of<Serving.Api.Knative.Revision>(Resources.Revisions),
            new Of<Serving.Api.Knative.Route>(Resources.Routes),
            new Of<Serving.Api.Knative.DomainMapping>(Resources.DomainMappings),
            new Of<Serving.Api.Autoscaling.PodAutoscaler>(Resources.PodAutoscalers),
            new Of<Serving.Api.Autoscaling.Metric>(Resources.Metrics),
            new Of<Serving.Api.Networking.Ingress>(Resources.Ingresses),
            new Of<Serving.Api.Networking.ServerlessService>(Resources.ServerlessServices),
            new Of<Serving.Api.Networking.Certificate>(Resources.Certificates),
            new Of<Serving.Api.Networking.ClusterDomainClaim>(Resources.ClusterDomainClaims),
            new Of<Serving.Api.Caching.Image>(Resources.Images),
        ];

    private static IEnumerable<IResource> Admitted => Kinds.Where(kind => AdmittedKinds.Find(kind.Kind) is not null);

    [TestCaseSource(nameof(Kinds))]
    public void A_document_comes_back_as_it_was(object kind) =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(200),
            Prop.ForAll(
                ArbMap.Default.ArbFor<int>(),
                seed =>
                {
                    var resource = (IResource)kind;
                    var before = new RandomJson(seed).Document(resource.Type).ToJsonString();

                    var after = resource.RoundTrip(before);

                    var (said, says) = (Meaning(JsonNode.Parse(before)), Meaning(JsonNode.Parse(after)));
                    if (!JsonNode.DeepEquals(said, says))
                    {
                        throw new AssertionException($"seed {seed}\n{said?.ToJsonString()}\n{says?.ToJsonString()}");
                    }

                    return true;
                }
            )
        );

    [TestCaseSource(nameof(Admitted))]
    public void Defaults_take_nothing_away(object kind)
    {
        var resource = (IResource)kind;
        var admitted = AdmittedKinds.Find(resource.Kind)!;
        for (var seed = 0; seed < 300; seed++)
        {
            var before = JsonDocument.Parse(new RandomJson(seed).Document(resource.Type).ToJsonString()).RootElement;
            try
            {
                var patch = JsonPatchDocument.Between(before, admitted.Default(before, null, Documents.Create));

                patch.Select(o => (string)o!["op"]!).Should().NotContain("remove", $"seed {seed}: {patch.ToJsonString()}");
            }
            catch (JsonException refused)
            {
                refused.Message.Should().StartWith("cannot decode incoming new object: ");
            }
        }
    }

    // Nulls, empty values and 0 are equivalent to missing: clients of the reference omit them, or write them where they were missing.
    private static JsonNode? Meaning(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                var members = map.Select(m => (m.Key, Value: Meaning(m.Value)))
                    .Where(m => m.Value is not null)
                    .OrderBy(m => m.Key, StringComparer.Ordinal)
                    .ToList();
                return members.Count == 0 ? null : new JsonObject(members.Select(m => KeyValuePair.Create(m.Key, m.Value)));
            case JsonArray list:
                return list.Count == 0 ? null : new JsonArray([.. list.Select(Meaning)]);
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                return value.GetValue<string>().Length == 0 ? null : value.DeepClone();
            case JsonValue value when value.GetValueKind() == JsonValueKind.Number && value.ToJsonString() == "0":
                return null;
            default:
                return node?.DeepClone();
        }
    }

    internal interface IResource
    {
        Type Type { get; }

        GroupVersionKind Kind { get; }

        string RoundTrip(string json);
    }

    private sealed record Of<T>(ResourceType<T> Resource) : IResource
        where T : class, IKubernetesObject
    {
        public Type Type => typeof(T);

        public GroupVersionKind Kind => new(Resource.Group, Resource.Version, Resource.Kind);

        public string RoundTrip(string json) => JsonSerializer.Serialize(JsonSerializer.Deserialize(json, Resource.Json)!, Resource.Json);

        public override string ToString() => Resource.Kind;
    }
}
