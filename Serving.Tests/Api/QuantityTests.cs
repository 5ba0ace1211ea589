using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;

namespace Serving.Tests.Api;

public sealed class QuantityTests
{
    [TestCase("100m", 0.1)]
    [TestCase("1Ki", 1024)]
    [TestCase("1e3", 1000)]
    [TestCase("-1.5G", -1500000000)]
    [TestCase("0", 0)]
    [TestCase("m", 0)]
    [TestCase(".", 0)]
    [TestCase(".5", 0.5)]
    [TestCase("0.1n", 0.000000001)]
    public void Quantities_have_amounts(string text, double amount)
    {
        new Quantity(text).TryGetAmount(out var read).Should().BeTrue();
        read.Should().Be((decimal)amount);
    }

    [TestCase("")]
    [TestCase("1x")]
    [TestCase("1 ")]
    [TestCase("1.2.3")]
    [TestCase("1GB")]
    public void What_has_another_form_is_no_quantity(string text) =>
        new Quantity(text).Refusal.Should().StartWith("quantities must match the regular expression");

    [TestCase("1e")]
    [TestCase("1mM")]
    [TestCase("1i")]
    [TestCase("1e99999999999999999999")]
    public void What_has_another_suffix_is_no_quantity(string text) =>
        new Quantity(text).Refusal.Should().Be("unable to parse quantity's suffix");

    [TestCase("1e999999999")]
    [TestCase("100000000000000000000000000000000")]
    public void What_no_number_holds_is_a_quantity_without_an_amount(string text)
    {
        new Quantity(text).IsValid.Should().BeTrue();
        new Quantity(text).TryGetAmount(out _).Should().BeFalse();
    }

    // Includes those whose written form is canonical although another is shorter.
    [TestCase("1000m", "1")]
    [TestCase("0.5", "500m")]
    [TestCase("1.5", "1500m")]
    [TestCase("1.500", "1.500")]
    [TestCase("1024Mi", "1Gi")]
    [TestCase("1.5Gi", "1536Mi")]
    [TestCase("1.1Ki", "1126400m")]
    [TestCase("0.5Ki", "512")]
    [TestCase("1025Mi", "1025Mi")]
    [TestCase("8Ki", "8Ki")]
    [TestCase("1000", "1k")]
    [TestCase("1024", "1024")]
    [TestCase("2000000", "2M")]
    [TestCase("00", "0")]
    [TestCase("0m", "0")]
    [TestCase("-0", "0")]
    [TestCase("-2000m", "-2")]
    [TestCase("1e3", "1e3")]
    [TestCase("1E3", "1E3")]
    [TestCase("10e2", "1e3")]
    [TestCase("1000e0", "1e3")]
    [TestCase("0.0000000001", "1n")]
    [TestCase("9Ei", "9223372036854775807")]
    [TestCase("1000E", "1e21")]
    [TestCase("nonsense", "nonsense")]
    public void Quantities_are_shown_as_Kubernetes_shows_them(string text, string shown)
    {
        new Quantity(text).ToCanonical().Text.Should().Be(shown);
        new Quantity(shown).ToCanonical().Text.Should().Be(shown, "what is shown stays");
    }

    [TestCase("1Gi", "1073741824", true)]
    [TestCase("1e999999999", "10e999999998", true)]
    [TestCase("1e3", "1k", true)]
    [TestCase("1k", "1Ki", false)]
    [TestCase("x", "y", false)]
    public void Amounts_are_the_same_however_they_are_written(string one, string other, bool same) =>
        new Quantity(one).IsSameAmountAs(other).Should().Be(same);
}
