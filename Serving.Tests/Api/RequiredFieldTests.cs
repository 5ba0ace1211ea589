using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.Schema;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.Tests.Api;

/// <summary>Fields required by a schema are written whatever their value, so that no document of ours is rejected for an omitted empty
/// field.</summary>
public sealed class RequiredFieldTests
{
    /// <summary>Fields that are null in a new record; the code that creates one sets them, or Kubernetes' default does.</summary>
    private static readonly string[] NeverMadeEmpty =
    [
        "Container.name",
        "CustomResourceDefinition.spec",
        "HttpGetAction.port",
        "TcpSocketAction.port",
        "GrpcAction.port",
        "EndpointPort.port",
        "DeploymentSpec.selector",
        "DeploymentSpec.template",
        "ReplicaSetSpec.selector",
        "Event.involvedObject",
        "HorizontalPodAutoscalerSpec.scaleTargetRef",
        "HorizontalPodAutoscalerStatus.desiredReplicas",
    ];

    private static IEnumerable<TestCaseData> Custom =>
        CustomKinds.All.Select(kind => new TestCaseData(kind.Record).SetArgDisplayNames(kind.Resource.Kind));

    private static IEnumerable<TestCaseData> BuiltIn =>
        typeof(Resources)
            .GetProperties()
            .Select(property => property.GetValue(null))
            .OfType<ResourceType>()
            .Where(type => !CustomKinds.All.Any(kind => kind.Resource == type))
            .Select(type => new TestCaseData(type).SetArgDisplayNames(type.Kind));

    [TestCaseSource(nameof(Custom))]
    public void Every_field_that_the_generated_schema_requires_is_written_when_it_is_empty(Type record)
    {
        var missing = new SortedSet<string>(StringComparer.Ordinal);
        Walk(ApiJson.Default.Options.GetTypeInfo(record), SchemaBuilder.OfKind(record, ""), missing, []);
        missing.Should().BeEmpty();
    }

    [TestCaseSource(nameof(BuiltIn))]
    public void Every_field_that_Kubernetes_requires_of_its_own_kinds_is_written_when_it_is_empty(object type)
    {
        var resource = (ResourceType)type;
        var kind = BuiltInKinds
            .Load()
            .Single(known => known.Group == resource.Group && known.Version == resource.Version && known.Plural == resource.Plural);
        var record = resource.GetType().GetGenericArguments().Single();
        var missing = new SortedSet<string>(StringComparer.Ordinal);
        Walk(ApiJson.Default.Options.GetTypeInfo(record), kind.Schema, missing, []);
        missing.Except(NeverMadeEmpty).Should().BeEmpty();
    }

    [Test]
    public void An_empty_scrape_target_is_written() =>
        Write(new MetricSpec()).Should().Be("""{"stableWindow":0,"panicWindow":0,"scrapeTarget":""}""");

    [Test]
    public void Lists_and_references_that_are_required_are_written()
    {
        Write(new CertificateSpec()).Should().Be("""{"dnsNames":[],"secretName":""}""");
        Write(new HttpIngressPath()).Should().Be("""{"splits":[]}""");
        Write(new SliceEndpoint()).Should().Be("""{"addresses":[]}""");
        Write(new ServerlessServiceSpec()).Should().Be("""{"objectRef":{"kind":"","name":""},"protocolType":"","numActivators":0}""");
    }

    [Test]
    public void What_is_optional_is_still_left_out_when_it_is_empty()
    {
        Write(new Container { Name = "c" }).Should().Be("""{"name":"c"}""");
        Write(new EnvVar { Name = "A" }).Should().Be("""{"name":"A"}""");
    }

    private static string Write<T>(T value) => JsonSerializer.Serialize(value, ApiJson.Default.Options);

    private static void Walk(JsonTypeInfo type, JsonObject schema, SortedSet<string> missing, HashSet<Type> seen)
    {
        switch (type.Kind)
        {
            case JsonTypeInfoKind.Enumerable when schema["items"] is JsonObject items:
                Walk(ApiJson.Default.Options.GetTypeInfo(type.ElementType!), items, missing, seen);
                break;
            case JsonTypeInfoKind.Dictionary when schema["additionalProperties"] is JsonObject values:
                Walk(ApiJson.Default.Options.GetTypeInfo(type.ElementType!), values, missing, seen);
                break;
            case JsonTypeInfoKind.Object when schema["properties"] is JsonObject properties && !type.Type.IsValueType:
                Check(type, [.. (schema["required"] as JsonArray ?? []).Select(name => name!.ToString())], missing);
                foreach (
                    var property in type.Properties.Where(property =>
                        seen.Add(property.PropertyType) && properties[property.Name] is JsonObject
                    )
                )
                {
                    Walk(ApiJson.Default.Options.GetTypeInfo(property.PropertyType), properties[property.Name]!.AsObject(), missing, seen);
                }

                break;
        }
    }

    private static void Walk(JsonTypeInfo type, Schema schema, SortedSet<string> missing, HashSet<Type> seen)
    {
        switch (type.Kind)
        {
            case JsonTypeInfoKind.Enumerable when schema.Items is { } items:
                Walk(ApiJson.Default.Options.GetTypeInfo(type.ElementType!), items, missing, seen);
                break;
            case JsonTypeInfoKind.Dictionary when schema.Values is { } values:
                Walk(ApiJson.Default.Options.GetTypeInfo(type.ElementType!), values, missing, seen);
                break;
            case JsonTypeInfoKind.Object when schema.Properties.Count > 0 && !type.Type.IsValueType:
                Check(type, schema.Required, missing);
                foreach (
                    var property in type.Properties.Where(property =>
                        schema.Properties.ContainsKey(property.Name) && seen.Add(property.PropertyType)
                    )
                )
                {
                    Walk(ApiJson.Default.Options.GetTypeInfo(property.PropertyType), schema.Properties[property.Name], missing, seen);
                }

                break;
        }
    }

    /// <summary>A new instance must have every required field that the record models.</summary>
    private static void Check(JsonTypeInfo type, IReadOnlyList<string> required, SortedSet<string> missing)
    {
        var written = JsonSerializer.SerializeToNode(System.Activator.CreateInstance(type.Type), type)!.AsObject();
        var modelled = type
            .Properties.Where(property => !property.IsExtensionData)
            .Select(property => property.Name)
            .ToHashSet(StringComparer.Ordinal);
        missing.UnionWith(
            required.Where(name => modelled.Contains(name) && !written.ContainsKey(name)).Select(name => $"{type.Type.Name}.{name}")
        );
    }
}
