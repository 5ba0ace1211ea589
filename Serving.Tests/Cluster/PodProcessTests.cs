using System.Diagnostics;
using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>Behaviour of the local cluster when a pod's program exits.</summary>
[Category("Slow")]
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
            """
        );
        await cluster.WaitForReadyAsync("default", "hello");
        (await cluster.GetAsync(HelloHost)).Should().Be((HttpStatusCode.OK, "Hello World!\n"));
        var program = ProgramOf(cluster.Host, "HelloWorld");

        Kill(program);
        await Eventually.HoldsAsync(() => ProgramOf(cluster.Host, "HelloWorld").Should().NotBe(program), TimeSpan.FromSeconds(1));

        // The test is about the one second that the new process has.
        await Task.Delay(TimeSpan.FromSeconds(1));
        for (var request = 0; request < 50; request++)
        {
            (await cluster.GetAsync(HelloHost)).Status.Should().Be(HttpStatusCode.OK);
        }

        var pods = await cluster.Client.ListAsync(
            Resources.Pods,
            "default",
            new ListOptions("serving.knative.dev/service=hello"),
            CancellationToken.None
        );
        pods.Items.Should()
            .ContainSingle()
            .Which.Status!.ContainerStatuses.Single(status => status.Name == "user-container")
            .RestartCount.Should()
            .Be(1);
    }

    [TestCase("HelloWorld", TestName = "Few_requests_fail_when_the_program_of_one_of_three_pods_is_killed")]
    [TestCase("Serving.QueueProxy", TestName = "Few_requests_fail_when_the_sidecar_of_one_of_three_pods_is_killed")]
    public async Task Few_requests_fail_when_one_of_three_is_killed(string killed)
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
                metadata: {annotations: {autoscaling.knative.dev/min-scale: "3"}}
                spec: {containers: [{image: ghcr.io/serving-samples/helloworld, env: [{name: TARGET, value: World}]}]}
            """
        );
        await cluster.WaitForReadyAsync("default", "hello");
        await Eventually.HoldsAsync(() => ProgramsOf(cluster.Host, killed).Should().HaveCount(3), TimeSpan.FromSeconds(30));
        var (sent, failed, done) = (0, 0, false);

        // 200 requests a second. What a killed sidecar has in flight is lost, so few clients keep the number independent of the machine's
        // speed.
        var load = Enumerable
            .Range(0, 8)
            .Select(async _ =>
            {
                using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(40));
                while (!done && await pace.WaitForNextTickAsync())
                {
                    using var request = new HttpRequestMessage(HttpMethod.Post, "/")
                    {
                        Headers = { Host = HelloHost },
                        Content = new StringContent("hello"),
                    };
                    using var response = await cluster.Gateway.SendAsync(request);
                    Interlocked.Increment(ref sent);
                    if (response.StatusCode != HttpStatusCode.OK)
                        Interlocked.Increment(ref failed);
                }
            })
            .ToArray();
        await Eventually.HoldsAsync(() => sent.Should().BeGreaterThan(200), TimeSpan.FromSeconds(60));

        Kill(ProgramsOf(cluster.Host, killed)[0]);
        var before = sent;
        await Eventually.HoldsAsync(() => sent.Should().BeGreaterThan(before + 1000), TimeSpan.FromSeconds(120));
        done = true;
        await Task.WhenAll(load);

        TestContext.Out.WriteLine($"{failed} of {sent} requests failed");
        failed.Should().BeLessThanOrEqualTo(5);
    }

    /// <summary>The only process of a program among the host's descendants.</summary>
    private static int ProgramOf(HostProcess host, string program) => ProgramsOf(host, program).Should().ContainSingle().Which;

    /// <summary>The processes of a program among the host's descendants.</summary>
    private static int[] ProgramsOf(HostProcess host, string program) =>
        [.. host.Descendants().Where(id => CommandOf(id).Contains(program, StringComparison.Ordinal))];

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
