using FluentAssertions;
using NUnit.Framework;
using Serving.StatusPages.Pages;

namespace Serving.Tests.StatusPages;

public sealed class ShowTests
{
    [TestCase(0, "0s")]
    [TestCase(0.25, "0.2s")]
    [TestCase(59.9, "59s")]
    [TestCase(60, "1m")]
    [TestCase(65, "1m 5s")]
    [TestCase(3600, "1h")]
    [TestCase(93784, "1d 2h")]
    public void Durations_have_two_units(double seconds, string expected) =>
        Show.Duration(TimeSpan.FromSeconds(seconds)).Should().Be(expected);

    [TestCase(1, "1 pod")]
    [TestCase(0, "0 pods")]
    [TestCase(2.5, "2.5 pods")]
    public void Counts_are_plural_except_one(double value, string expected) => Show.Count(value, "pod").Should().Be(expected);

    [Test]
    public void A_time_in_the_future_is_now() =>
        Show.Ago(DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(5), DateTimeOffset.UnixEpoch).Should().Be("now");

    [TestCase("javascript:alert(1)", false)]
    [TestCase("data:text/html,x", false)]
    [TestCase("//evil.example.com", false)]
    [TestCase("", false)]
    [TestCase("http://hello.default.example.com", true)]
    [TestCase("https://hello.default.example.com/a", true)]
    public void Only_web_addresses_become_links(string url, bool isLink) => (Links.Outside(url) is not null).Should().Be(isLink);

    [Test]
    public void Names_are_escaped_in_links()
    {
        Links.Service("a/../b", "x?y#z").Should().Be("/status/services/a%2F..%2Fb/x%3Fy%23z");
        Links.With("/status", ("name", "a&b=c"), ("state", "")).Should().Be("/status?name=a%26b%3Dc");
    }
}
