using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;

namespace Serving.Tests.Controller;

/// <summary>What the sidecar asks for, by the Revision's annotations and what its program asks for.</summary>
public sealed class QueueResourcesTests
{
    [TestCase("cpu", "600m", "10", "60m")]
    [TestCase("cpu", "0.6", "10", "60m")]
    [TestCase("cpu", "1e-1", "10", "25m")]
    [TestCase("cpu", "64", "10", "100m")]
    [TestCase("cpu", "9223372036854775807", "100", "100m")]
    [TestCase("cpu", "100000000000000E", "100", "100m", TestName = "A_share_of_more_than_a_number_holds_is_its_bound")]
    [TestCase("memory", "1Gi", "10", "107374182400m")]
    [TestCase("memory", "1000Mi", "10", "100Mi")]
    [TestCase("memory", "8Ei", "100", "200Mi")]
    [TestCase("memory", "1", "0.1", "50Mi")]
    [TestCase("memory", "0", "10", "400Mi")]
    public void A_share_of_what_the_program_asks_for_is_kept_within_bounds(string resource, string user, string percent, string expected)
    {
        var made = Make(new() { [ServingKeys.QueueSidecarResourcePercentage.Key] = percent }, new() { [resource] = user });

        made.Requests![resource].IsSameAmountAs(expected).Should().BeTrue($"{made.Requests[resource]} should be {expected}");
    }

    [TestCase("300m", "300m")]
    [TestCase("1..2", "60m")]
    [TestCase("", "60m")]
    public void An_annotation_goes_before_the_share_unless_it_is_no_quantity(string annotated, string expected)
    {
        var made = Make(
            new() { [ServingKeys.QueueSidecarResourcePercentage.Key] = "10", [ServingKeys.QueueSidecarCpuRequest] = annotated },
            new() { ["cpu"] = "600m" }
        );

        made.Requests!["cpu"].Text.Should().Be(expected);
    }

    private static ResourceRequirements Make(Dictionary<string, string> annotations, Dictionary<string, Quantity> user) =>
        QueueResources.Make(DeploymentConfig.Default, annotations, new ResourceRequirements { Requests = user }, useDefaults: true);
}
