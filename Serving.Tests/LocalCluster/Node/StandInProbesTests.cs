using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.LocalCluster.Node;
using Serving.Tests.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node;

public sealed class StandInProbesTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly InMemoryCluster _cluster = new();

    [Test]
    public async Task A_process_that_no_longer_answers_is_called_not_ready_until_it_answers_again()
    {
        await using var process = await FakeApiServer.StartAsync();
        Put("here", process.Address.Port, ready: true);
        Put("leaving", process.Address.Port, ready: false);
        using var stop = new CancellationTokenSource();
        var running = new StandInProbes(_cluster, NullLogger<StandInProbes>.Instance, _time).RunAsync(_cluster, stop.Token);

        await PassAsync(() => process.Requests.Should().HaveCountGreaterThan(3));
        Ready("here").Status.Should().Be("True");
        process.Handler = (context, _) => FakeApiServer.Json(context, "{}", 500);
        await PassAsync(() =>
            Ready("here").Should().Match<Condition>(ready => ready.Status == "False" && ready.Reason == "ReadinessProbeFailed")
        );
        process.Handler = (context, _) => FakeApiServer.Json(context, "{}");
        await PassAsync(() => Ready("here").Should().Match<Condition>(ready => ready.Status == "True" && ready.Reason == ""));

        Ready("leaving").Status.Should().Be("False", "that it said itself");
        await stop.CancelAsync();
        await running;
    }

    private Condition Ready(string pod) =>
        _cluster.Find(Resources.Pods, "system", pod)!.Status!.Conditions.Single(condition => condition.Type == "Ready");

    private void Put(string name, int port, bool ready) =>
        _cluster.Put(
            Resources.Pods,
            new Pod
            {
                Metadata = new ObjectMeta { Namespace = "system", Name = name },
                Spec = new PodSpec
                {
                    NodeName = StandInProbes.NodeName,
                    Containers =
                    [
                        new Container
                        {
                            Name = "host",
                            ReadinessProbe = new Probe
                            {
                                HttpGet = new HttpGetAction { Path = "/", Port = port },
                                PeriodSeconds = 1,
                                FailureThreshold = 2,
                            },
                        },
                    ],
                },
                Status = new PodStatus
                {
                    PodIP = "127.0.0.1",
                    Conditions = [new Condition { Type = "Ready", Status = ready ? "True" : "False" }],
                },
            }
        );

    private Task PassAsync(Action until) =>
        Eventually.HoldsAsync(() =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            until();
        });
}
