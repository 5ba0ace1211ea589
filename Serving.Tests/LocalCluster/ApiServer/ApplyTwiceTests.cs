using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

/// <summary>Applying an unchanged manifest again writes nothing, even if the server has normalized it.</summary>
[TestFixture]
internal sealed class ApplyTwiceTests
{
    private sealed class Clock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
    }

    [TestCase(
        "/apis/apps/v1/namespaces/default/deployments/d",
        """
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
            "spec":{"containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"1000m","memory":"1024Mi"}},"env":[{"name":"A","value":""}],"securityContext":{}}]}}}}
            """
    )]
    [TestCase(
        "/api/v1/namespaces/default/secrets/s",
        """{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"a":"b"}}"""
    )]
    [TestCase(
        "/api/v1/namespaces/default/endpoints/e",
        """{"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"e"},"subsets":[{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":80}]}]}"""
    )]
    [TestCase(
        "/api/v1/namespaces/default/services/v",
        """{"apiVersion":"v1","kind":"Service","metadata":{"name":"v","annotations":{},"labels":{}},"spec":{"selector":{"a":"b"},"ports":[{"port":80}]}}"""
    )]
    [TestCase(
        "/api/v1/namespaces/default/configmaps/m",
        """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"1"}}"""
    )]
    public async Task Nothing_changes(string path, string manifest)
    {
        var clock = new Clock();
        await using var server = await RunningServer.StartAsync(time: clock);
        var first = await ApplyAsync();
        clock.Ahead = TimeSpan.FromMinutes(5);
        var second = await ApplyAsync();
        second.ToJsonString().Should().Be(first.ToJsonString());

        clock.Ahead = TimeSpan.FromMinutes(10);
        (await ApplyAsync(manager: "another")).ToJsonString().Should().NotBe(first.ToJsonString(), "it has another owner now");

        async Task<JsonObject> ApplyAsync(string manager = "kubectl")
        {
            var (code, body) = await server.SendAsync(
                HttpMethod.Patch,
                $"{path}?fieldManager={manager}&force=true",
                manifest,
                "application/apply-patch+yaml"
            );
            code.Should().BeOneOf([200, 201], body.ToJsonString());
            return body;
        }
    }
}
