using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Validation;

namespace Serving.Tests.Api.Validation;

/// <summary>Autoscaling annotations, one row per rule; <c>@</c> stands for <c>autoscaling.knative.dev/</c>.</summary>
public sealed class AutoscalingRuleTests
{
    private const string Kpa = "@class=kpa.autoscaling.knative.dev";
    private const string Hpa = "@class=hpa.autoscaling.knative.dev";

    [TestCase("", "")]
    [TestCase("@class=other.knative.dev", "invalid value: other.knative.dev: @class")]
    [TestCase("@class=keda.example.com", "")]
    [TestCase("@min-scale=0 @max-scale=0", "")]
    [TestCase("@min-scale=5", "")]
    [TestCase("@max-scale=2", "")]
    [TestCase("@min-scale=2 @max-scale=2", "")]
    [TestCase("@minScale=1 @maxScale=2", "")]
    [TestCase("@min-scale=+3", "")]
    [TestCase("@min-scale=-1", "expected 0 <= -1 <= 2147483647: @min-scale")]
    [TestCase("@max-scale=2147483648", "expected 0 <= 2147483648 <= 2147483647: @max-scale")]
    [TestCase("@max-scale=99999999999999999999999999999999", "expected 0 <= 99999999999999999999999999999999 <= 2147483647: @max-scale")]
    [TestCase("@min-scale=1.0", "invalid value: 1.0: @min-scale")]
    [TestCase("@min-scale=1_000", "invalid value: 1_000: @min-scale")]
    [TestCase("@min-scale=0x10", "invalid value: 0x10: @min-scale")]
    [TestCase("@min-scale=", "invalid value: : @min-scale")]
    [TestCase("@minScale=a @maxScale=b", "invalid value: a: @minScale\ninvalid value: b: @maxScale")]
    [TestCase("@min-scale=7 @max-scale=3", "max-scale=3 is less than min-scale=7: @max-scale, @min-scale")]
    [TestCase("@min-scale=1 @activation-scale=3 @max-scale=5", "")]
    [TestCase("@activation-scale=two", "invalid value: two: @activation-scale")]
    [TestCase("@activation-scale=3000000000", "invalid value: 3000000000: @activation-scale")]
    [TestCase("@min-scale=4 @activation-scale=3", "min-scale=4 is greater than activation-scale=3: @activation-scale")]
    [TestCase("@max-scale=4 @activation-scale=5", "max-scale=4 is less than activation-scale=5: @activation-scale")]
    [TestCase("@activation-scale=1", "activation-scale=1 must be greater than 1: @activation-scale")]
    [TestCase(Kpa + " @metric-aggregation-algorithm=linear", "")]
    [TestCase(Kpa + " @metric-aggregation-algorithm=weighted-exponential", "")]
    [TestCase(Kpa + " @metricAggregationAlgorithm=weightedExponential", "")]
    [TestCase(Kpa + " @metric-aggregation-algorithm=", "")]
    [TestCase(Kpa + " @metric-aggregation-algorithm=median", "invalid value: median: @metric-aggregation-algorithm")]
    [TestCase("@class=mine @metric-aggregation-algorithm=median", "")]
    [TestCase("@metric-aggregation-algorithm=median", "")]
    [TestCase("@panic-window-percentage=1", "")]
    [TestCase("@panic-window-percentage=100", "")]
    [TestCase("@panic-window-percentage=0.9", "expected 1 <= 0.9 <= 100: @panic-window-percentage")]
    [TestCase("@panicWindowPercentage=100.5", "expected 1 <= 100.5 <= 100: @panicWindowPercentage")]
    [TestCase("@panic-window-percentage=fifty", "invalid value: fifty: @panic-window-percentage")]
    [TestCase("@panic-threshold-percentage=110", "")]
    [TestCase("@panic-threshold-percentage=109", "expected 110 <= 109 <= 1000: @panic-threshold-percentage")]
    [TestCase("@panicThresholdPercentage=1001", "expected 110 <= 1001 <= 1000: @panicThresholdPercentage")]
    [TestCase("@panic-threshold-percentage=x", "invalid value: x: @panic-threshold-percentage")]
    [TestCase("@target=0.01", "")]
    [TestCase("@target=1e3", "")]
    [TestCase("@target=0x1p4", "")]
    [TestCase("@target=NaN", "invalid value: NaN: autoscaling.knative.dev/target")]
    [TestCase("@target=1e999", "invalid value: 1e999: @target")]
    [TestCase("@target=1,000", "invalid value: 1,000: @target")]
    [TestCase("@target=0", "target 0 should be at least 0.01: @target")]
    [TestCase("@target=-5", "target -5 should be at least 0.01: @target")]
    [TestCase("@target-utilization-percentage=1", "")]
    [TestCase("@target-utilization-percentage=0.5", "expected 1 <= 0.5 <= 100: @target-utilization-percentage")]
    [TestCase("@targetUtilizationPercentage=101", "expected 1 <= 101 <= 100: @targetUtilizationPercentage")]
    [TestCase("@target-utilization-percentage=half", "invalid value: half: @target-utilization-percentage")]
    [TestCase("@target-burst-capacity=0", "")]
    [TestCase("@target-burst-capacity=-1", "")]
    [TestCase("@targetBurstCapacity=-2", "invalid value: -2: @targetBurstCapacity")]
    [TestCase("@target-burst-capacity=many", "invalid value: many: @target-burst-capacity")]
    [TestCase("@window=6s", "")]
    [TestCase("@window=1h", "")]
    [TestCase(Kpa + " @window=1m30s", "")]
    [TestCase("@window=5s", "expected 6s <= 5s <= 1h0m0s: @window")]
    [TestCase("@window=1h1s", "expected 6s <= 1h1s <= 1h0m0s: @window")]
    [TestCase("@window=10500ms", "must be specified with at most second precision: @window")]
    [TestCase("@window=ten", "invalid value: ten: @window")]
    [TestCase("@window=10", "invalid value: 10: @window")]
    [TestCase("@scale-to-zero-pod-retention-period=0", "")]
    [TestCase("@scale-to-zero-pod-retention-period=10.5s", "")]
    [TestCase("@scaleToZeroPodRetentionPeriod=-1s", "expected 0s <= -1s <= 1h0m0s: @scaleToZeroPodRetentionPeriod")]
    [TestCase("@scale-to-zero-pod-retention-period=2h", "expected 0s <= 2h <= 1h0m0s: @scale-to-zero-pod-retention-period")]
    [TestCase("@scale-to-zero-pod-retention-period=soon", "invalid value: soon: @scale-to-zero-pod-retention-period")]
    [TestCase("@scale-down-delay=0s", "")]
    [TestCase("@scale-down-delay=1h", "")]
    [TestCase("@scaleDownDelay=-1m", "expected 0s <= -1m <= 1h0m0s: @scaleDownDelay")]
    [TestCase("@scale-down-delay=61m", "expected 0s <= 61m <= 1h0m0s: @scale-down-delay")]
    [TestCase("@scale-down-delay=1.5s", "must be specified with at most second precision: @scale-down-delay")]
    [TestCase("@scale-down-delay=later", "invalid value: later: @scale-down-delay")]
    [TestCase("@metric=concurrency", "")]
    [TestCase(Kpa + " @metric=rps", "")]
    [TestCase("@metric=memory", "invalid value: memory: @metric")]
    [TestCase(Hpa + " @metric=cpu", "")]
    [TestCase(Hpa + " @metric=my-own", "")]
    [TestCase(Hpa + " @metric=", "invalid value: : @metric")]
    [TestCase("@class=mine @metric=anything", "")]
    [TestCase("@initial-scale=2", "")]
    [TestCase("@initialScale=0", "invalid value: 0: @initialScale=0 not allowed by cluster")]
    [TestCase("@initial-scale=-2", "invalid value: -2: @initial-scale must be greater than 0")]
    [TestCase("@initial-scale=few", "invalid value: few: @initial-scale")]
    [TestCase(
        "@min-scale=a @target=0 @window=1s",
        "expected 6s <= 1s <= 1h0m0s: @window\ninvalid value: a: @min-scale\ntarget 0 should be at least 0.01: @target"
    )]
    public void With_the_configuration_of_a_fresh_installation(string annotations, string expected) => Check(annotations, new(), expected);

    [TestCase(5, "@max-scale=5", "")]
    [TestCase(5, "@max-scale=6", "expected 1 <= 6 <= 5: @max-scale")]
    [TestCase(5, "@maxScale=0", "max-scale=0 (unlimited), must be less than 5: @maxScale")]
    [TestCase(5, "", "")]
    public void With_a_limit_of_the_scale(int limit, string annotations, string expected) =>
        Check(annotations, new() { MaxScaleLimit = limit }, expected);

    [Test]
    public void With_zero_allowed_at_first() => Check("@initial-scale=0", new() { AllowZeroInitialScale = true }, "");

    [TestCase("@metric=cpu", "")]
    [TestCase("@metric=", "invalid value: : @metric")]
    public void With_another_class_for_those_that_name_none(string annotations, string expected) =>
        Check(annotations, new() { PodAutoscalerClass = "hpa.autoscaling.knative.dev" }, expected);

    [TestCase("1 ")]
    [TestCase(" 1")]
    [TestCase("1\0")]
    [TestCase("+-1")]
    [TestCase("")]
    [TestCase("١")]
    public void Numbers_are_read_strictly(string text)
    {
        GoNumber.ParseInt(text, 0, 9, out _).Should().Be(GoNumberResult.Malformed);
        GoNumber.TryParseFloat(text, out _).Should().BeFalse();
    }

    [TestCase("0x1p-2", 0.25)]
    [TestCase("0X_1.8p1", 3)]
    [TestCase(".5", 0.5)]
    [TestCase("5.", 5)]
    [TestCase("-inf", double.NegativeInfinity)]
    [TestCase("+Infinity", double.PositiveInfinity)]
    public void Numbers_are_read_in_every_notation(string text, double expected)
    {
        GoNumber.TryParseFloat(text, out var value).Should().BeTrue();
        value.Should().Be(expected);
    }

    [TestCase("1.0000000000000000000000000000001s", 1_000_000_000)]
    [TestCase("00000000000000000000000001m", 60_000_000_000)]
    [TestCase("-9223372036854775808ns", long.MinValue)]
    [TestCase(".5s", 500_000_000)]
    [TestCase("1h2m3.004s", 3_723_004_000_000)]
    public void Durations_are_read_in_every_notation(string text, long expected)
    {
        GoDuration.TryParse(text, out var value).Should().BeTrue();
        value.Nanoseconds.Should().Be(expected);
    }

    [TestCase("9223372036854775808ns")]
    [TestCase("9999999999999999999h")]
    [TestCase("99999999999999999999999999999999h")]
    [TestCase("1.2.3s")]
    [TestCase(".s")]
    [TestCase("1")]
    [TestCase("1 s")]
    public void What_is_no_duration_is_refused(string text) => GoDuration.TryParse(text, out _).Should().BeFalse();

    private static void Check(string annotations, AutoscalerConfig config, string expected)
    {
        var map = annotations
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(a => a.Split('=', 2))
            .ToDictionary(a => a[0].Replace("@", "autoscaling.knative.dev/", StringComparison.Ordinal), a => a[1]);

        AutoscalingValidation
            .Check(map, config)
            .ToString()
            .Should()
            .Be(expected.Replace("@", "autoscaling.knative.dev/", StringComparison.Ordinal));
    }
}
