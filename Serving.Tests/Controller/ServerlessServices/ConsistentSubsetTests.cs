using FluentAssertions;
using NUnit.Framework;
using Serving.Controller.ServerlessServices;

namespace Serving.Tests.Controller.ServerlessServices;

public sealed class ConsistentSubsetTests
{
    private static readonly string[] Addresses = [.. Enumerable.Range(1, 20).Select(i => $"10.0.0.{i}")];

    [Test]
    public void Takes_all_when_there_are_not_more() => ConsistentSubset.Choose(Addresses, 20, "rev").Should().BeEquivalentTo(Addresses);

    [Test]
    public void Takes_as_many_as_asked_for_the_same_ones_whatever_the_order()
    {
        var one = ConsistentSubset.Choose(Addresses, 5, "rev");
        var other = ConsistentSubset.Choose([.. Addresses.Reverse()], 5, "rev");

        one.Should().HaveCount(5).And.BeSubsetOf(Addresses);
        other.Should().BeEquivalentTo(one);
    }

    [Test]
    public void Differs_between_targets() =>
        Enumerable
            .Range(0, 20)
            .Select(i => string.Join(',', ConsistentSubset.Choose(Addresses, 5, $"rev-{i}").Order()))
            .Distinct()
            .Should()
            .HaveCountGreaterThan(15);

    [Test]
    public void Moves_little_when_one_goes()
    {
        var before = ConsistentSubset.Choose(Addresses, 5, "rev");
        var unused = Addresses.First(address => !before.Contains(address));

        ConsistentSubset
            .Choose([.. Addresses.Where(address => address != unused)], 5, "rev")
            .Intersect(before)
            .Should()
            .HaveCountGreaterThanOrEqualTo(3);
    }
}
