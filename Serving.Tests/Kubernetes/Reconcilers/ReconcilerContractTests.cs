using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Reconcilers;

/// <summary>What <see cref="StatusReconciler{T, TStatus}"/> promises, held by every reconciler.</summary>
public sealed class ReconcilerContractTests
{
    private static IEnumerable<string> All => ReconcilerCases.All.Keys;

    /// <summary>Those that have children.</summary>
    private static IEnumerable<string> Parents => All.Where(static name => name.Contains(',', StringComparison.Ordinal));

    /// <summary>Those that take no child of others for their own. A namespace needs a certificate of all its hosts, whoever asked for
    /// it.</summary>
    private static IEnumerable<string> OwningParents => Parents.Intersect(Reporters);

    /// <summary>Those that write a status.</summary>
    private static IEnumerable<string> Reporters => All.Where(static name => !name.StartsWith("namespace", StringComparison.Ordinal));

    [TestCaseSource(nameof(All))]
    public async Task An_object_at_rest_is_not_written(string name)
    {
        var world = await ReconcilerCases.All[name]();
        world.Cluster.ForgetWrites();

        await ReconcileAsync(world);

        world.Cluster.Writes.Should().BeEmpty();
    }

    [TestCaseSource(nameof(Parents))]
    public async Task The_status_is_saved_and_the_failure_recorded_when_a_step_fails(string name)
    {
        var world = await ReconcilerCases.All[name]();
        await LoseChildAsync(world);
        FailCreate(world, 500, "InternalError");

        await world.Awaiting(ReconcileAsync).Should().ThrowAsync<KubernetesException>().WithMessage("*refused by a test*");

        if (Reporters.Contains(name))
        {
            world.Owner.Status(world.Cluster).ObservedGeneration.Should().Be(world.Owner.Find(world.Cluster)!.Metadata.Generation);
            world
                .Events.Received()
                .Warning(
                    Arg.Is<IKubernetesObject>(about => about.Metadata.Name == world.Owner.Key.Name),
                    "InternalError",
                    Arg.Is<string>(text => text.Contains("refused by a test"))
                );
        }
    }

    [TestCaseSource(nameof(OwningParents))]
    public async Task A_child_of_somebody_else_is_reported_and_left_alone(string name)
    {
        var world = await ReconcilerCases.All[name]();
        world.Child!.GiveAway(world.Cluster);
        world.Owner.Renew(world.Cluster);
        world.Cluster.ForgetWrites();

        await world.Awaiting(ReconcileAsync).Should().ThrowAsync<NotOwnedException>();

        world
            .Cluster.Writes.Should()
            .NotContain(write =>
                write.Plural == world.Child.Plural
                && write.Key == world.Child.Key
                && write.Verb != "create"
                && write.Verb != "update-status"
            );
        world
            .Events.Received()
            .Warning(
                Arg.Is<IKubernetesObject>(about => about.Metadata.Name == world.Owner.Key.Name),
                "InternalError",
                Arg.Is<string>(text => text.Contains("somebody-else"))
            );
        world
            .Owner.Status(world.Cluster)
            .Conditions.Should()
            .Contain(condition => condition.Type == "Ready" && condition.Status == "False")
            .And.Contain(condition => condition.Status == "False" && condition.Message.Contains("somebody-else"));
    }

    [TestCaseSource(nameof(Parents))]
    public async Task A_child_that_the_server_refuses_is_reported(string name)
    {
        var world = await ReconcilerCases.All[name]();
        await LoseChildAsync(world);
        FailCreate(world, 403, "Forbidden");

        await world.Awaiting(ReconcileAsync).Should().ThrowAsync<ChildRefusedException>();

        world
            .Events.Received()
            .Warning(
                Arg.Is<IKubernetesObject>(about => about.Metadata.Name == world.Owner.Key.Name),
                Arg.Any<string>(),
                Arg.Is<string>(text => text.Contains("refused by a test"))
            );
        if (Reporters.Contains(name))
        {
            world
                .Owner.Status(world.Cluster)
                .Conditions.Should()
                .Contain(condition => condition.Status == "False" && condition.Message.Contains("refused by a test"));
        }
    }

    [TestCaseSource(nameof(Parents))]
    public async Task A_child_that_met_a_newer_state_concludes_nothing_and_is_tried_again_without_a_warning(string name)
    {
        var world = await ReconcilerCases.All[name]();
        await LoseChildAsync(world);
        FailCreate(world, 409, "Conflict");
        world.Cluster.ForgetWrites();

        await world.Awaiting(ReconcileAsync).Should().ThrowAsync<KubernetesException>().Where(refused => refused.IsConflict);
        world.Cluster.Writes.Should().NotContain(static write => write.Verb == "update-status");

        FailCreate(world, 409, "Conflict");
        await RunQuietlyAsync(world, () => world.Child!.Find(world.Cluster).Should().NotBeNull());
    }

    [TestCaseSource(nameof(Reporters))]
    public async Task A_status_that_met_newer_metadata_is_written_without_a_warning(string name)
    {
        var world = await ReconcilerCases.All[name]();
        world.Owner.Renew(world.Cluster);
        world.Cluster.FailNext(static request => request.Verb == "update-status", Refusal(409, "Conflict"));

        await RunQuietlyAsync(
            world,
            () => world.Owner.Status(world.Cluster).ObservedGeneration.Should().Be(world.Owner.Find(world.Cluster)!.Metadata.Generation)
        );
    }

    [TestCaseSource(nameof(Reporters))]
    public async Task A_status_that_cannot_be_written_is_an_event(string name)
    {
        var world = await ReconcilerCases.All[name]();
        world.Owner.Renew(world.Cluster);
        world.Cluster.FailNext(static request => request.Verb == "update-status", Refusal(500, "InternalError"));

        await world.Awaiting(ReconcileAsync).Should().ThrowAsync<KubernetesException>();

        world
            .Events.Received(1)
            .Warning(
                Arg.Any<IKubernetesObject>(),
                "UpdateFailed",
                Arg.Is<string>(text => text.StartsWith($"Failed to update status for \"{world.Owner.Key.Name}\": "))
            );
    }

    /// <summary>The child is gone, and the specification is new, so that every pass has something to say.</summary>
    private static async Task LoseChildAsync(ReconcilerCase world)
    {
        await world.Child!.DeleteAsync(world.Cluster);
        world.Owner.Renew(world.Cluster);
    }

    private static void FailCreate(ReconcilerCase world, int code, string reason) =>
        world.Cluster.FailNext(
            request => request.Verb == "create" && request.Plural == world.Child!.Plural && request.Key.Name == world.Child.Key.Name,
            Refusal(code, reason)
        );

    private static KubernetesException Refusal(int code, string reason) =>
        new(
            "write",
            new Status
            {
                State = "Failure",
                Code = code,
                Reason = reason,
                Message = "refused by a test",
            }
        );

    private static Task ReconcileAsync(ReconcilerCase world) =>
        world.Reconciler.ReconcileAsync(world.Owner.Key, world.Cluster, CancellationToken.None);

    /// <summary>Runs a loop until <paramref name="holds"/>; nothing that an operator reads says anything of it.</summary>
    private static async Task RunQuietlyAsync(ReconcilerCase world, Action holds)
    {
        world.Events.ClearReceivedCalls();
        using var logs = new RecordingLogs();
        using var stop = new CancellationTokenSource();
        var loop = new ReconcileLoop(world.Reconciler, logs.CreateLogger("loop"));
        loop.Enqueue(world.Owner.Key);
        var running = loop.RunAsync(world.Cluster, stop.Token);
        await Eventually.HoldsAsync(holds);
        await stop.CancelAsync();
        await running;

        logs.Text.Split('\n').Should().NotContain(static line => line.StartsWith("Warning") || line.StartsWith("Error"));
        world.Events.DidNotReceiveWithAnyArgs().Warning(null!, "", "");
    }
}
