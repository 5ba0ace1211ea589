using System.Globalization;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Validation;

namespace Serving.Tests.Autoscaler;

/// <summary>
/// Minimum, maximum, initial and activation scale, each from the annotation or from config-autoscaler, in every combination that admission
/// accepts: the revision becomes ready, the minimum overrides the maximum, and the bounds hold afterwards.
/// </summary>
public sealed class ScaleBoundsTests
{
    private static readonly int?[] Minima = [null, 2, 8];
    private static readonly int?[] Maxima = [null, 1, 5];
    private static readonly int?[] Initials = [null, 0, 3, 10];
    private static readonly int?[] Activations = [null, 9];

    private static IEnumerable<TestCaseData> Origins =>
        from min in Both
        from max in Both
        from initial in Both
        select new TestCaseData(min, max, initial).SetArgDisplayNames($"min from {min}, max from {max}, initial from {initial}");

    private static string[] Both => ["annotation", "ConfigMap"];

    [TestCaseSource(nameof(Origins))]
    public async Task Every_combination_becomes_ready(string minFrom, string maxFrom, string initialFrom)
    {
        var ran = 0;
        foreach (
            var bounds in from min in Minima
            from max in Maxima
            from initial in Initials
            from activation in Activations
            select (min, max, initial, activation)
        )
        {
            if (Make(bounds, minFrom, maxFrom, initialFrom) is not { } world)
                continue;
            await CheckAsync(world, bounds);
            ran++;
        }

        ran.Should().BeGreaterThan(15, "else admission took nothing and this proves nothing");
    }

    [TestCase("annotation")]
    [TestCase("ConfigMap")]
    public async Task An_initial_scale_above_the_maximum_becomes_ready_and_comes_down_to_the_maximum(string from)
    {
        var world = Make((null, 5, 10, null), from, from, from)!;
        world.Measured = (1, 1);
        await world.RoundAsync();
        await world.RoundAsync();
        world.Replicas.Should().Be(10, "the minimum, which the initial scale is until it was reached, wins");
        (await world.RunToReadyAsync()).Should().BeGreaterThanOrEqualTo(5);
        world.Measured = (10_000, 10_000);
        await world.RoundAsync();
        world.Replicas.Should().Be(5);
    }

    [Test]
    public async Task What_counts_as_reached_follows_the_maximum()
    {
        var world = Make((null, 5, 10, null), "annotation", "ConfigMap", "annotation")!;
        world.Room = 5;
        (await world.RunToReadyAsync()).Should().Be(5, "no more than five may be kept, as where a quota has room for no more");
    }

    [TestCase("annotation")]
    [TestCase("ConfigMap")]
    public async Task The_class_of_Kubernetes_autoscaler_becomes_ready_too(string from)
    {
        var world = Make((8, 5, 10, null), "annotation", "ConfigMap", from)!;
        world.Settings(("autoscaling.knative.dev/class", "hpa.autoscaling.knative.dev"), ("autoscaling.knative.dev/target", "80"));
        (await world.RunToReadyAsync()).Should().Be(8, "Kubernetes refuses a maximum below the minimum, which wins");
    }

    private static async Task CheckAsync(AutoscalerWorld world, (int? Min, int? Max, int? Initial, int? Activation) bounds)
    {
        var (min, max, initial) = (bounds.Min ?? 0, bounds.Max ?? 0, bounds.Initial ?? 1);
        var because = $"min {bounds.Min}, max {bounds.Max}, initial {bounds.Initial}, activation {bounds.Activation}";
        if (Math.Max(min, initial) > 0)
        {
            (await world.RunToReadyAsync()).Should().BeGreaterThanOrEqualTo(Math.Max(1, min), because);
        }
        else
        {
            await world.RoundAsync();
            await world.RoundAsync();
            world.Status.Conditions.Should().Contain(c => c.Type == "ScaleTargetInitialized" && c.Status == "True", because);
        }

        world.Measured = (1, 1);
        (await world.RunToReadyAsync()).Should().BeGreaterThan(0, because);

        world.Measured = (2_000, 2_000);
        for (var round = 0; round < 3; round++)
            await world.RoundAsync();
        world.IsReady.Should().BeTrue(because);
        if (max > 0)
            world.Replicas.Should().Be(Math.Max(min, max), because);
        else
            world.Replicas.Should().BeGreaterThan(20, because);

        world.Measured = (0, 0);
        world.Time.Advance(TimeSpan.FromHours(1));
        for (var round = 0; round < 20 && world.Replicas > Math.Max(min, 1); round++)
            await world.RoundAsync();
        world.Replicas.Should().BeLessThanOrEqualTo(Math.Max(min, 1), because);
        world.Replicas.Should().BeGreaterThanOrEqualTo(min, because);
    }

    /// <summary>The revision with these bounds; null when admission would reject one of them.</summary>
    private static AutoscalerWorld? Make(
        (int? Min, int? Max, int? Initial, int? Activation) bounds,
        string minFrom,
        string maxFrom,
        string initialFrom
    )
    {
        var data = new Dictionary<string, string> { ["allow-zero-initial-scale"] = "true" };
        var annotations = new Dictionary<string, string>();
        void Say(int? value, string from, string key)
        {
            if (value is { } number)
                (from == "annotation" ? annotations : data)[from == "annotation" ? "autoscaling.knative.dev/" + key : key] =
                    number.ToString(CultureInfo.InvariantCulture);
        }

        Say(bounds.Min, minFrom, "min-scale");
        Say(bounds.Max, maxFrom, "max-scale");
        Say(bounds.Initial, initialFrom, "initial-scale");
        Say(bounds.Activation, "annotation", "activation-scale");
        AutoscalerConfig config;
        try
        {
            config = Serving.ConfigMaps.AutoscalerConfigParser.Parse(data);
        }
        catch (Serving.ConfigMaps.ConfigMapException)
        {
            return null;
        }

        if (!AutoscalingValidation.Check(annotations, config).IsEmpty)
            return null;
        var world = new AutoscalerWorld { Config = ConfigSnapshot.Default with { Autoscaler = config } };
        world.Settings([.. annotations.Select(a => (a.Key, a.Value))]);
        world.Put(replicas: bounds.Initial ?? 1);
        return world;
    }
}
