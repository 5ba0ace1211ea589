using FluentAssertions;
using NUnit.Framework;
using Serving.LocalCluster.ApiServer;

namespace Serving.Tests.LocalCluster.ApiServer;

[TestFixture]
internal sealed class HealthTests
{
    [Test]
    public async Task Readyz_says_what_the_process_that_runs_the_server_waits_for()
    {
        string? problem = "no endpoints available for service \"webhook\"";
        await using var server = await RunningServer.StartAsync(readiness: _ =>
            Task.FromResult<IReadOnlyList<ReadinessCheck>>([new("admission", problem)])
        );

        var (code, text) = await GetAsync("/readyz");
        code.Should().Be(503);
        text.Should()
            .Contain("[+]storage ok")
            .And.Contain("[-]admission failed: no endpoints available")
            .And.Contain("readyz check failed");
        (await GetAsync("/readyz/admission")).Code.Should().Be(503);
        (await GetAsync("/readyz/storage")).Should().Be((200, "ok"));
        (await GetAsync("/readyz/nothing")).Code.Should().Be(404);
        (await GetAsync("/livez")).Should().Be((200, "ok"));

        problem = null;
        (await GetAsync("/readyz")).Should().Be((200, "ok"));
        (await GetAsync("/readyz?verbose")).Text.Should().Contain("[+]admission ok").And.Contain("readyz check passed");

        async Task<(int Code, string Text)> GetAsync(string path)
        {
            using var response = await server.Client.GetAsync(path);
            return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
        }
    }

    [Test]
    public async Task A_webhook_that_leads_nowhere_is_not_asked_about_what_a_start_writes()
    {
        await using var server = await RunningServer.StartAsync();
        const string webhooks = """
            [{"name":"gone.example.com","clientConfig":{"service":{"name":"gone","namespace":"default"}},"admissionReviewVersions":["v1"],"sideEffects":"None",
            "rules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*"]}]}]
            """;
        foreach (var kind in (string[])["Mutating", "Validating"])
        {
            var (made, _) = await server.PostAsync(
                $"/apis/admissionregistration.k8s.io/v1/{kind.ToLowerInvariant()}webhookconfigurations",
                $$"""{"apiVersion":"admissionregistration.k8s.io/v1","kind":"{{kind}}WebhookConfiguration","metadata":{"name":"gone"},"webhooks":{{webhooks}}}"""
            );
            made.Should().Be(201);
        }

        const string map = """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"config-gc"}}""";
        const string maps = "/api/v1/namespaces/default/configmaps";
        (await server.PostAsync(maps, map)).Code.Should().Be(500, "that is what the webhook is for");
        var installer = server.As(await File.ReadAllTextAsync(Path.Combine(server.Directory, "installer.token")));
        (await server.SendAsync(HttpMethod.Post, maps, map, client: installer)).Code.Should().Be(201);
        (await server.SendAsync(HttpMethod.Delete, $"{maps}/config-gc", client: installer)).Code.Should().Be(200);
    }
}
