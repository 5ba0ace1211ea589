using FluentAssertions;
using NUnit.Framework;
using Serving.Api;

namespace Serving.Tests.Api;

public sealed class ChildNameTests
{
    [TestCase("asdf", "-deployment", "asdf-deployment")]
    [TestCase(
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "-deployment",
        "ffffffffffffffffffff105d7597f637e83cc711605ac3ea4957-deployment"
    )]
    [TestCase("very-short", "-and-then-a-very-long-suffix-that-exceeds-the-limit-of-sixty-three", "")]
    public void Follows_the_rule_of_knative(string parent, string suffix, string expected)
    {
        var name = ChildName.Of(parent, suffix);

        name.Length.Should().BeLessThanOrEqualTo(63);
        if (expected.Length > 0)
        {
            name.Should().Be(expected);
        }
        else
        {
            name.Should().StartWith(parent);
        }
    }
}
