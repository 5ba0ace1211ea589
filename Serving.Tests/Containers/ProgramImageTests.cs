using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Containers;

/// <summary>The images of programs that run in pods: the samples and the test programs.</summary>
[TestFixture]
[Category("Slow")]
[Parallelizable]
public sealed class ProgramImageTests
{
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(30) };

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [TestCase("helloworld", "/", "Hello container!\n")]
    [TestCase("autoscale", "/?sleep=1", "*")]
    [TestCase("testprograms", "/", "*")]
    public async Task Runs_without_rights_and_ends_with_0_when_it_is_told_to(string image, string path, string expected)
    {
        var address = new IPAddress([127, 97, (byte)(Environment.ProcessId % 250), 1]);
        var port = FreePorts.Of(address, 1)[0];
        await using var container = await ImageContainer.StartAsync(
            image,
            new Dictionary<string, string>
            {
                ["PORT"] = $"{port}",
                ["LISTEN_ADDRESS"] = address.ToString(),
                ["TARGET"] = "container",
            }
        );
        var uri = new Uri($"http://{address}:{port}{path}");

        await Eventually.HoldsAsync(async () => (await _client.GetStringAsync(uri)).Should().Match(expected), TimeSpan.FromSeconds(60));
        await container.ReportAsync("first response");
        await Restrictions.ShouldHoldAsync(container.Id);
        await container.SignalAsync("SIGTERM");

        (await container.ExitCodeAsync()).Should().Be(0, await container.OutputAsync());
        await container.ReportEndAsync();
    }

    [Test]
    public async Task Lets_a_request_finish_when_it_is_told_to_end()
    {
        var address = new IPAddress([127, 97, (byte)(Environment.ProcessId % 250), 2]);
        var port = FreePorts.Of(address, 1)[0];
        await using var container = await ImageContainer.StartAsync(
            "autoscale",
            new Dictionary<string, string> { ["PORT"] = $"{port}", ["LISTEN_ADDRESS"] = address.ToString() }
        );
        var uri = new Uri($"http://{address}:{port}/");
        await Eventually.HoldsAsync(async () => (await _client.GetStringAsync(uri)).Should().NotBeEmpty(), TimeSpan.FromSeconds(60));

        var slow = _client.GetStringAsync(new Uri(uri, "?sleep=5000"));
        await Eventually.HoldsAsync(
            async () =>
                (slow.IsCompleted ? "" : await _client.GetStringAsync(new Uri(uri, "?concurrency"))).Should().Contain("in flight: 2."),
            TimeSpan.FromSeconds(60)
        );
        await container.SignalAsync("SIGTERM");

        (await slow).Should().NotBeEmpty();
        (await container.ExitCodeAsync()).Should().Be(0);
    }
}
