using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Tests.Dataplane;
using Serving.Tests.QueueProxy;

namespace Serving.Tests.Containers;

/// <summary>What the sidecar of the build does, the one of the image does too: the same tests, against a container of it.</summary>
[TestFixture]
[Category("Slow")]
[Parallelizable]
public sealed class QueueProxyImageTests : SidecarTests
{
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(30) };

    [OneTimeTearDown]
    public void DisposeOwnClient() => _client.Dispose();

    [Test]
    public async Task Runs_without_rights_and_ends_with_0_when_it_is_told_to()
    {
        await using var user = await TestServer.StartAsync(static context => context.Response.WriteAsync("ok"));
        await using var proxy = await QueueProxyContainer.StartAsync(user.EndPoint.Port);
        await proxy.ReadyAsync(_client);
        (await _client.GetStringAsync(proxy.Serving)).Should().Be("ok");
        await proxy.Container.ReportAsync("first response");

        await Restrictions.ShouldHoldAsync(proxy.Container.Id);
        await proxy.TerminateAsync();

        (await proxy.ExitCodeAsync()).Should().Be(0, await proxy.Container.OutputAsync());
        await proxy.Container.ReportEndAsync();
    }

    private protected override async Task<Sidecar> StartAsync(int userPort, params (string Name, string Value)[] variables) =>
        await QueueProxyContainer.StartAsync(userPort, variables);
}
