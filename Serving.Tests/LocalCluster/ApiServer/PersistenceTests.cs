using System.Globalization;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.Api;

[TestFixture]
internal sealed class PersistenceTests
{
    [Test]
    public async Task Objects_outlive_the_process_and_revisions_grow()
    {
        const string maps = "/api/v1/namespaces/default/configmaps";
        var first = await RunningServer.StartAsync();
        var (_, created) = await first.PostAsync(maps, """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept"},"data":{"a":"1"}}""");
        var token = first.Server.Token;
        await first.StopAsync();

        await using var second = await RunningServer.StartAsync(first.Directory);
        second.Server.Token.Should().Be(token);
        var (_, kept) = await second.GetAsync($"{maps}/kept");
        kept["metadata"]!["uid"]!.GetValue<string>().Should().Be(created["metadata"]!["uid"]!.GetValue<string>());
        var (_, updated) = await second.SendAsync(HttpMethod.Patch, $"{maps}/kept", """{"data":{"a":"2"}}""", "application/merge-patch+json");
        long Version(System.Text.Json.Nodes.JsonObject o) => long.Parse(o["metadata"]!["resourceVersion"]!.GetValue<string>(), CultureInfo.InvariantCulture);
        Version(updated).Should().BeGreaterThan(Version(created));
    }

    [Test]
    public async Task A_damaged_state_says_so_in_one_line()
    {
        var directory = Directory.CreateTempSubdirectory("apiserver").FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "state.db"), "this is no database, and long enough to be looked at by the library");
        var start = () => RunningServer.StartAsync(directory);
        (await start.Should().ThrowAsync<IOException>()).Which.Message.Should().Contain("state.db").And.NotContain("\n");
        Directory.Delete(directory, true);
    }

    [Test]
    public async Task A_port_in_use_names_its_holder()
    {
        await using var server = await RunningServer.StartAsync();
        var start = () => global::Serving.LocalCluster.ApiServer.ApiServer.StartAsync(
            new(server.Directory + "2", System.Net.IPAddress.Loopback, server.Server.Address.Port), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance,
            TimeProvider.System, CancellationToken.None);
        (await start.Should().ThrowAsync<IOException>()).Which.Message.Should().Contain($"{server.Server.Address.Port} is already in use by process {Environment.ProcessId}");
    }
}
