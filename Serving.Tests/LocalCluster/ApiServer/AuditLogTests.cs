using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.ApiServer;

internal sealed class AuditLogTests
{
    [Test]
    public async Task Writes_are_noted_with_who_what_and_the_version_they_name_and_reads_are_not()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("audit").FullName, "audit.log");
        await using (var server = await RunningServer.StartAsync(auditLog: file))
        {
            var (_, map) = await server.PostAsync(
                "/api/v1/namespaces/default/configmaps",
                """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"secret":"hidden"}}"""
            );
            var version = (string)map["metadata"]!["resourceVersion"]!;
            await server.GetAsync("/api/v1/namespaces/default/configmaps/a");
            var merge = new JsonObject { ["metadata"] = new JsonObject { ["resourceVersion"] = version } }.ToJsonString();
            await server.SendAsync(HttpMethod.Patch, "/api/v1/namespaces/default/configmaps/a", merge, "application/merge-patch+json");
            await server.PostAsync(
                "/apis/coordination.k8s.io/v1/namespaces/default/leases",
                """{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l"},"spec":{"holderIdentity":"me"}}"""
            );
            await server.SendAsync(HttpMethod.Delete, "/api/v1/namespaces/default/configmaps/none");

            // A line is written together with the response, so the last line may come after it.
            await Eventually.HoldsAsync(() => Lines(file).Should().HaveCount(4));
            var lines = Lines(file);
            lines
                .Select(line =>
                    $"{line["verb"]} {line["objectRef"]!["resource"]} {line["objectRef"]!["name"]} {line["responseStatus"]!["code"]}"
                )
                .Should()
                .Equal("create configmaps a 201", "patch configmaps a 200", "create leases l 201", "delete configmaps none 404");
            ((string?)lines[1]["objectRef"]!["resourceVersion"]).Should().Be(version);
            ((string)lines[0]["user"]!["username"]!).Should().NotBeEmpty();
            ((string)lines[2]["requestObject"]!["spec"]!["holderIdentity"]!).Should().Be("me");
        }

        (await File.ReadAllTextAsync(file)).Should().NotContain("hidden", "only the bodies of Leases are written");
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    private static List<JsonNode> Lines(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }
}
