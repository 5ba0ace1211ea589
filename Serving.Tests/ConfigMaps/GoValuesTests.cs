using FluentAssertions;
using NUnit.Framework;
using Serving.ConfigMaps;

namespace Serving.Tests.ConfigMaps;

public sealed class GoValuesTests
{
    [TestCase("0", 0)]
    [TestCase("0s", 0)]
    [TestCase("1.5s", 1500)]
    [TestCase("1h2m3s", 3723000)]
    [TestCase("-10ms", -10)]
    [TestCase(".5s", 500)]
    public void Reads_durations(string text, double milliseconds) =>
        GoValues.ParseDuration(text).TotalMilliseconds.Should().Be(milliseconds);

    [TestCase("", "time: invalid duration \"\"")]
    [TestCase("10", "time: missing unit in duration \"10\"")]
    [TestCase("1d", "time: unknown unit \"d\" in duration \"1d\"")]
    [TestCase("s", "time: invalid duration \"s\"")]
    public void Refuses_durations_in_the_words_of_Go(string text, string message) =>
        FluentActions.Invoking(() => GoValues.ParseDuration(text)).Should().Throw<FormatException>().WithMessage(message);

    [TestCase(0, "0s")]
    [TestCase(100, "100ms")]
    [TestCase(1500, "1.5s")]
    [TestCase(60000, "1m0s")]
    [TestCase(3600000, "1h0m0s")]
    public void Writes_durations(double milliseconds, string text) =>
        GoValues.Format(TimeSpan.FromMilliseconds(milliseconds)).Should().Be(text);

    [TestCase("T", true)]
    [TestCase("1", true)]
    [TestCase("FALSE", false)]
    public void Reads_booleans(string text, bool value) => GoValues.ParseBool(text).Should().Be(value);

    [Test]
    public void Refuses_other_booleans() =>
        FluentActions
            .Invoking(() => GoValues.ParseBool("yes"))
            .Should()
            .Throw<FormatException>()
            .WithMessage("strconv.ParseBool: parsing \"yes\": invalid syntax");
}
