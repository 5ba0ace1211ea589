using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;

namespace Serving.Tests.Kubernetes.Hosting;

public sealed class ShardTests
{
    [Test]
    public void Every_key_belongs_to_exactly_one_part_and_parts_are_about_equal([Range(1, Shard.MostShards)] int count)
    {
        var shards = Enumerable.Range(0, count).Select(i => new Shard(i, count)).ToList();
        var keys = Enumerable.Range(0, 5000).Select(i => new ObjectKey($"team-{i % 7}", $"hello-{i:00000}")).ToList();

        keys.Should().OnlyContain(key => shards.Count(shard => shard.Owns(key)) == 1);
        shards.Should().OnlyContain(shard => keys.Count(shard.Owns) > 5000 / count * 3 / 4);
    }

    [Test]
    public void Processes_of_different_builds_agree_on_the_part_of_a_key()
    {
        Shard.IndexOf(new ObjectKey("default", "hello-00001"), 10).Should().Be(3);
        Shard.IndexOf(new ObjectKey("default", "hello-00002"), 10).Should().Be(2);
        Shard.IndexOf(new ObjectKey("gästebuch", "日本"), 10).Should().Be(0);
    }

    [Test]
    public void A_part_is_named_as_Leases_are() => new Shard(2, 10).ToString().Should().Be("02-of-10");
}
