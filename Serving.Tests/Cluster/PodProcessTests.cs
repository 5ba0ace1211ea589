using System.Diagnostics;
using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>What happens on the local cluster when a pod's program dies on its own.</summary>
public sealed class PodProcessTests
{
    private const string HelloHost = "hello.default.localhost";

    [Test]
    public async Task A_killed_program_is_restarted_at_once_and_a_second_later_no_request_fails()
    {
        TestCluster.NeedsLocalCluster("this kills the process of a pod, and only a local pod's is on this machine");
        await using var cluster = await LocalClusterHarness.StartAsync();
        await cluster.ApplyAsync(
            """
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: hello, namespace: default}
            spec:
              template:
                metadata: {annotations: {autoscaling.knative.dev/min-scale: "1"}}
                spec: {containers: [{image: ghcr.io/serving-samples/helloworld, env: [{name: TARGET, value: World}]}]}
            """);
        await cluster.WaitForReadyAsync("default", "hello");
        (await cluster.GetAsync(HelloHost)).Should().Be((HttpStatusCode.OK, "Hello World!\n"));
        var program = ProgramOf(cluster.Host, "HelloWorld");

        Kill(program);
        await Eventually.HoldsAsync(() => ProgramOf(cluster.Host, "HelloWorld").Should().NotBe(program), TimeSpan.FromSeconds(1));

        // The second that the new process has is what the test is about.
        await Task.Delay(TimeSpan.FromSeconds(1));
        for (var request = 0; request < 50; request++)
        {
            (await cluster.GetAsync(HelloHost)).Status.Should().Be(HttpStatusCode.OK);
        }

        var pods = await cluster.Client.ListAsync(Resources.Pods, "default", new ListOptions("serving.knative.dev/service=hello"), CancellationToken.None);
        pods.Items.Should().ContainSingle().Which.Status!.ContainerStatuses.Single(status => status.Name == "user-container").RestartCount.Should().Be(1);
    }

    /// <summary>The one process of a program below the host.</summary>
    private static int ProgramOf(HostProcess host, string program)
        => host.Descendants().Should().ContainSingle(id => CommandOf(id).Contains(program, StringComparison.Ordinal)).Which;

    private static string CommandOf(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline");
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static void Kill(int id)
    {
        using var process = Process.GetProcessById(id);
        process.Kill();
    }
}
