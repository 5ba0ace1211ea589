using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;

namespace Serving.Tests.Api;

public sealed class RoundTripTests
{
    private const string Service = """
        {"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":"hello","namespace":"default","creationTimestamp":"2026-01-02T03:04:05Z",
         "managedFields":[{"manager":"kubectl"}]},
         "spec":{"template":{"metadata":{"annotations":{"a":"b"}},"spec":{"containers":[{"image":"x","ports":[{"containerPort":8080}],"resizePolicy":[{"a":1}],
         "resources":{"limits":{"cpu":"1e3"}},"readinessProbe":{"httpGet":{"port":"http"}}}],"containerConcurrency":0,"overhead":{"cpu":"1"}}},
         "traffic":[{"latestRevision":true,"percent":100}]},"status":{"conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}
        """;

    [Test]
    public void Documents_with_unmodelled_fields_round_trip_unchanged()
    {
        var service = JsonSerializer.Deserialize(Service, Resources.KnativeServices.Json)!;

        var written = JsonSerializer.Serialize(service, Resources.KnativeServices.Json);

        JsonNode.DeepEquals(JsonNode.Parse(written), JsonNode.Parse(Service)).Should().BeTrue(written);
    }

    [Test]
    public void Explicit_nulls_read_as_empty()
    {
        var service = JsonSerializer.Deserialize(
            """{"metadata":{"name":null,"labels":null},"spec":{"traffic":null,"template":null},"status":null}""",
            Resources.KnativeServices.Json
        )!;

        service.Metadata.Labels.Should().BeEmpty();
        service.Spec.Template.Spec.Containers.Should().BeEmpty();
    }
}
