using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Validation;

namespace Serving.Tests.Api.Validation;

public sealed class FieldErrorTests
{
    [Test]
    public void Paths_join_fields_indexes_and_keys()
    {
        FieldError.Missing("bar").ViaIndex("foo", 0).ToString().Should().Be("missing field(s): foo[0].bar");
        FieldError.Missing("bar").ViaIndex(0).ViaIndex(1).Via("foo").ToString().Should().Be("missing field(s): foo[1][0].bar");
        FieldError.Missing("").ViaIndex(0).Via("bar").Via("foo").ToString().Should().Be("missing field(s): foo.bar[0]");
        FieldError.Invalid("x", "").ViaKey("a").Via("bag").ToString().Should().Be("invalid value: x: bag[a]");
        FieldError.Missing("").Via("spec").ToString().Should().Be("missing field(s): spec");
    }

    [Test]
    public void Findings_of_one_message_are_merged_and_all_are_sorted()
    {
        var errors = FieldError.Missing("b") + FieldError.Invalid(-1, "x") + FieldError.Missing("a", "b");

        errors.ToString().Should().Be("invalid value: -1: x\nmissing field(s): a, b");
    }

    [Test]
    public void Details_follow_on_lines_of_their_own() => FieldError.WithDetails("m", "d1\nd2", "p").ToString().Should().Be("m: p\nd1\nd2");

    [Test]
    public void A_finding_without_a_path_ends_after_the_colon() =>
        FieldError
            .Generic("multi-container is off, but found 2 containers")
            .Via("spec")
            .ToString()
            .Should()
            .Be("multi-container is off, but found 2 containers: ");

    [Test]
    public void Bounds_are_printed_around_the_value() =>
        FieldError
            .OutOfBounds(-1, 0, 1000, "containerConcurrency")
            .Via("spec.template.spec")
            .ToString()
            .Should()
            .Be("expected 0 <= -1 <= 1000: spec.template.spec.containerConcurrency");

    [TestCase("1h0m0s", "1h0m0s")]
    [TestCase("90s", "1m30s")]
    [TestCase("1.5s", "1.5s")]
    [TestCase("-300ms", "-300ms")]
    [TestCase("0", "0s")]
    [TestCase("2h45m", "2h45m0s")]
    public void Durations_read_and_print_as_Go_does(string text, string printed)
    {
        GoDuration.TryParse(text, out var duration).Should().BeTrue();
        duration.ToString().Should().Be(printed);
    }

    [TestCase("")]
    [TestCase("5")]
    [TestCase("1.s2")]
    [TestCase("s")]
    [TestCase("99999999999999h")]
    [TestCase("1..5s")]
    public void What_is_no_duration_is_refused(string text) => GoDuration.TryParse(text, out _).Should().BeFalse();
}
