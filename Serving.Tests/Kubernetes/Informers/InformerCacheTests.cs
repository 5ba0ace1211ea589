using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Informers;

namespace Serving.Tests.Kubernetes.Informers;

public sealed class InformerCacheTests
{
    private static readonly CacheIndex<Pod> ByNode = new(static pod =>
        pod.Metadata.Annotations.TryGetValue("nodes", out var nodes) ? nodes.Split(',') : []
    );

    /// <summary>Every look-up finds what a search of all objects finds, whatever was written between.</summary>
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Look_ups_equal_a_search_of_all_objects(int seed)
    {
        var random = new Random(seed);
        var cache = new InformerCache<Pod>();
        var expected = new Dictionary<ObjectKey, Pod>();
        for (var step = 0; step < 3000; step++)
        {
            var key = new ObjectKey($"ns{random.Next(3)}", $"pod{random.Next(40)}");
            if (random.Next(3) == 0)
            {
                cache.Remove(key).Should().BeSameAs(expected.GetValueOrDefault(key));
                expected.Remove(key);
            }
            else
            {
                var pod = RandomPod(key, random);
                cache.Set(pod).Should().BeSameAs(expected.GetValueOrDefault(key));
                expected[key] = pod;
            }

            // The indexes are built at different times, and some never.
            if (step > seed * 300)
            {
                Compare(cache, expected, random);
            }
        }

        cache.Count.Should().Be(expected.Count);
        cache.List().Should().BeEquivalentTo(expected.Values);
    }

    [Test]
    public void A_list_that_was_returned_does_not_change()
    {
        var cache = new InformerCache<Pod>();
        for (var i = 0; i < 30; i++)
        {
            cache.Set(Make(new ObjectKey("ns", $"pod{i}"), ("app", "a")));
            var lists = new[] { cache.List(), cache.List("ns"), cache.ByLabel("ns", "app", "a") };
            var copies = lists.Select(list => list.ToList()).ToList();

            cache.Set(Make(new ObjectKey("ns", $"pod{i}"), ("app", "b")));
            cache.Set(Make(new ObjectKey("ns", $"pod{i}"), ("app", "a")));

            lists.Zip(copies).Should().OnlyContain(pair => pair.First.SequenceEqual(pair.Second));
        }
    }

    [Test]
    public void A_label_beyond_those_that_are_indexed_is_searched()
    {
        var cache = new InformerCache<Pod>();
        var pod = Make(new ObjectKey("ns", "pod"), [.. Enumerable.Range(0, 40).Select(i => ($"label{i}", "x"))]);
        cache.Set(pod);

        for (var i = 0; i < 40; i++)
        {
            cache.ByLabel("ns", $"label{i}", "x").Should().Equal(pod);
            cache.ByLabel("ns", $"label{i}", "y").Should().BeEmpty();
        }
    }

    /// <summary>Pods change often and have many labels, of which hardly any is looked up.</summary>
    [TestCase(2)]
    [TestCase(60)]
    public void A_write_allocates_for_what_is_looked_up_and_not_for_each_label(int labels)
    {
        var cache = new InformerCache<Pod>();
        (string, string)[] all = [("app", "a"), .. Enumerable.Range(1, labels - 1).Select(i => ($"label{i}", $"value{i}"))];
        var pods = Enumerable.Range(0, 1000).Select(i => Make(new ObjectKey("ns", $"pod{i}"), all)).ToList();
        pods.ForEach(pod => cache.Set(pod));
        cache.ByLabel("ns", "app", "a").Should().HaveCount(1000);

        var before = GC.GetAllocatedBytesForCurrentThread();
        pods.ForEach(pod => cache.Set(pod));
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / pods.Count;

        each.Should().BeLessThan(512, "it is about 300 bytes; each label was about 1,500");
    }

    [Test]
    public void A_write_allocates_the_same_among_ten_objects_and_among_ten_thousand()
    {
        long Cost(int count)
        {
            var cache = new InformerCache<Pod>();
            var pods = Enumerable.Range(0, count).Select(i => Make(new ObjectKey("ns", $"pod{i}"), ("revision", $"r{i / 4}"))).ToList();
            pods.ForEach(pod => cache.Set(pod));
            cache.ByLabel("ns", "revision", "r1").Should().HaveCount(4);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 100; i++)
            {
                cache.Set(pods[i % 10]);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Cost(10);
        Cost(10_000).Should().BeLessThanOrEqualTo(Cost(10) + 100 * 64, "a look at a dictionary does not allocate");
    }

    private static void Compare(InformerCache<Pod> cache, Dictionary<ObjectKey, Pod> expected, Random random)
    {
        var ns = $"ns{random.Next(3)}";
        var inNamespace = expected.Values.Where(pod => pod.Metadata.Namespace == ns).ToList();
        switch (random.Next(5))
        {
            case 0:
                var (key, value) = ($"key{random.Next(3)}", $"{random.Next(3)}");
                Same(cache.ByLabel(ns, key, value), inNamespace.Where(pod => pod.Metadata.Labels.GetValueOrDefault(key) == value));
                break;
            case 1:
                var uid = $"owner{random.Next(3)}";
                Same(cache.ByOwner(uid), expected.Values.Where(pod => pod.Metadata.OwnerReferences.Any(owner => owner.Uid == uid)));
                break;
            case 2:
                var node = $"{random.Next(3)}";
                Same(
                    cache.ByIndex(ByNode, ns, node),
                    inNamespace.Where(pod => pod.Metadata.Annotations.GetValueOrDefault("nodes", "").Split(',').Contains(node))
                );
                break;
            case 3:
                Same(cache.List(ns), inNamespace);
                break;
            default:
                var one = new ObjectKey(ns, $"pod{random.Next(40)}");
                cache.Get(one.Namespace, one.Name).Should().BeSameAs(expected.GetValueOrDefault(one));
                break;
        }
    }

    private static void Same(IEnumerable<Pod> found, IEnumerable<Pod> wanted) =>
        found
            .ToHashSet(ReferenceEqualityComparer.Instance)
            .SetEquals(wanted.ToHashSet(ReferenceEqualityComparer.Instance))
            .Should()
            .BeTrue();

    private static Pod RandomPod(ObjectKey key, Random random)
    {
        var pod = Make(key, [.. Enumerable.Range(0, random.Next(4)).Select(i => ($"key{i}", $"{random.Next(3)}"))]);
        return pod with
        {
            Metadata = pod.Metadata with
            {
                Annotations = new Dictionary<string, string>
                {
                    ["nodes"] = string.Join(',', Enumerable.Range(0, 3).Where(_ => random.Next(2) == 0)),
                },
                OwnerReferences =
                [
                    .. Enumerable.Range(0, 3).Where(_ => random.Next(2) == 0).Select(i => new OwnerReference { Uid = $"owner{i}" }),
                ],
            },
        };
    }

    private static Pod Make(ObjectKey key, params (string Key, string Value)[] labels) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Namespace = key.Namespace,
                Name = key.Name,
                Labels = labels.ToDictionary(label => label.Key, label => label.Value),
            },
        };
}
