using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>Start, stop and error messages of the local cluster.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class LocalLifecycleTests() : LocalClusterFixture("this is about how the local cluster starts and stops")
{
    private const string Hello = """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: hello, namespace: default}
        spec:
          template:
            metadata: {annotations: {autoscaling.knative.dev/min-scale: "1"}}
            spec: {containers: [{image: ghcr.io/serving-samples/helloworld}]}
        """;

    [Test]
    public async Task It_finds_its_objects_again_after_it_was_stopped_and_after_it_was_killed()
    {
        string uid;
        IReadOnlyList<int> processes;
        await using (var first = await LocalClusterHarness.StartAsync(Data))
        {
            await first.ApplyAsync(Hello);
            uid = (await first.WaitForReadyAsync("default", "hello")).Metadata.Uid;
            processes = first.Host.Descendants();
            processes.Should().HaveCountGreaterThanOrEqualTo(2, "the program and its queue-proxy");

            await first.Host.TerminateAsync();
            (await first.Host.WaitForExitAsync(TimeSpan.FromSeconds(25))).Should().Be(0, first.Host.Output);
            Alive(processes).Should().BeEmpty("SIGTERM leaves no process behind");
        }

        await using (var second = await LocalClusterHarness.StartAsync(Data))
        {
            (await second.WaitForReadyAsync("default", "hello")).Metadata.Uid.Should().Be(uid);
            (await second.GetAsync("hello.default.localhost")).Body.Should().StartWith("Hello");
            processes = second.Host.Descendants();

            second.Host.Kill();
            await Eventually.HoldsAsync(() => Alive(processes).Should().BeEmpty("a kill leaves no process behind"));
        }

        await using var third = await LocalClusterHarness.StartAsync(Data);
        (await third.WaitForReadyAsync("default", "hello")).Metadata.Uid.Should().Be(uid);
        await Eventually.HoldsAsync(async () => (await third.GetAsync("hello.default.localhost")).Body.Should().StartWith("Hello"));
    }

    [Test]
    public async Task An_image_that_nothing_stands_for_is_said_in_the_Service()
    {
        await using var cluster = await LocalClusterHarness.StartAsync(Data);
        await cluster.ApplyAsync(Hello.Replace("ghcr.io/serving-samples/helloworld", "example.com/nobody/knows", StringComparison.Ordinal));

        await Eventually.HoldsAsync(
            async () =>
            {
                var service = await cluster.Client.GetAsync(Resources.KnativeServices, "default", "hello", CancellationToken.None);
                var condition = service.Status.Conditions.Should().ContainSingle(found => found.Type == "ConfigurationsReady").Subject;
                condition.Status.Should().Be("False");
                condition.Reason.Should().Be("RevisionFailed");
                condition.Message.Should().Contain("example.com/nobody/knows").And.Contain("--image");
            },
            TimeSpan.FromSeconds(60)
        );
    }

    [Test]
    public async Task A_field_misspelt_in_a_manifest_is_one_line_that_names_file_object_and_field()
    {
        var manifest = Path.Combine(Data, "service.yaml");
        await File.WriteAllTextAsync(manifest, Hello.Replace("containers:", "kontainers:", StringComparison.Ordinal));
        var ports = FreePorts.Of(IPAddress.Loopback, 2);
        await using var host = HostProcess.Start(
            "local",
            "--plain",
            "--data-dir",
            Path.Combine(Data, "local"),
            "--api-port",
            $"{ports[0]}",
            "--gateway-port",
            $"{ports[1]}",
            "--apply",
            manifest
        );

        (await host.WaitForExitAsync(TimeSpan.FromSeconds(120))).Should().Be(1, host.Output);

        var error = host
            .Output.Split('\n')
            .Should()
            .ContainSingle(line => line.StartsWith("error: ", StringComparison.Ordinal), host.Output)
            .Subject;
        error.Should().Contain(manifest).And.Contain("Service").And.Contain("hello").And.Contain("kontainers");
        host.Output.Should().NotContain("   at ", "nobody wants to read a stack trace");
    }

    /// <summary>The processes that still run; zombies do not count.</summary>
    private static int[] Alive(IEnumerable<int> processes) => [.. processes.Where(IsAlive)];

    private static bool IsAlive(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }
}
