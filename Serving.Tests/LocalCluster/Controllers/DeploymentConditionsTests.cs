using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.LocalCluster.Controllers.Deployments;
using static Serving.Tests.LocalCluster.Controllers.Samples;

namespace Serving.Tests.LocalCluster.Controllers;

public sealed class DeploymentConditionsTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [TestCase(4, 3, "True", "MinimumReplicasAvailable")]
    [TestCase(4, 2, "False", "MinimumReplicasUnavailable")]
    [TestCase(1, 0, "False", "MinimumReplicasUnavailable")]
    [TestCase(0, 0, "True", "MinimumReplicasAvailable")]
    public void Available_follows_the_least_number_of_pods(int replicas, int available, string status, string reason) =>
        DeploymentConditions
            .Available(Deployment(replicas).Spec!, available)
            .Should()
            .Match<Condition>(condition => condition.Status == status && condition.Reason == reason);

    [Test]
    public void Recreate_allows_no_pod_to_be_missing() =>
        DeploymentConditions
            .Available(Deployment(4, strategy: new DeploymentStrategy { Type = "Recreate" }).Spec!, 3)
            .Status.Should()
            .Be("False");

    [TestCase(true, 0, "True", "NewReplicaSetAvailable", "ReplicaSet \"d-1\" has successfully progressed.")]
    [TestCase(false, 59, "True", "ReplicaSetUpdated", "ReplicaSet \"d-1\" is progressing.")]
    [TestCase(false, 60, "False", "ProgressDeadlineExceeded", "ReplicaSet \"d-1\" has timed out progressing.")]
    public void Progressing_says_how_far_the_rollout_is(bool complete, int stillSeconds, string status, string reason, string message) =>
        DeploymentConditions
            .Progressing(null, "d-1", complete, TimeSpan.FromSeconds(stillSeconds), Deadline)
            .Should()
            .Be(
                new Condition
                {
                    Type = "Progressing",
                    Status = status,
                    Reason = reason,
                    Message = message,
                }
            );

    [Test]
    public void A_rollout_that_completed_is_not_timed_again_but_the_next_one_is()
    {
        var completed = DeploymentConditions.Progressing(null, "d-1", true, TimeSpan.Zero, Deadline);

        DeploymentConditions.Progressing(completed, "d-1", false, 2 * Deadline, Deadline).Should().Be(completed);
        DeploymentConditions.Progressing(completed, "d-2", false, 2 * Deadline, Deadline).Reason.Should().Be("ProgressDeadlineExceeded");
    }

    [Test]
    public void A_time_moves_only_with_the_status()
    {
        var first = DeploymentConditions.Set(
            [],
            Noon,
            new Condition
            {
                Type = "Available",
                Status = "False",
                Reason = "A",
            }
        );
        var same = DeploymentConditions.Set(
            first,
            Noon.AddHours(1),
            new Condition
            {
                Type = "Available",
                Status = "False",
                Reason = "B",
            }
        );
        var other = DeploymentConditions.Set(same, Noon.AddHours(2), new Condition { Type = "Available", Status = "True" });

        same.Should()
            .ContainSingle()
            .Which.Should()
            .Match<Condition>(condition => condition.Reason == "B" && condition.LastTransitionTime == Noon);
        other.Should().ContainSingle().Which.LastTransitionTime.Should().Be(Noon.AddHours(2));
    }
}
