using System.Collections.Concurrent;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Controller.Revisions.Digests;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Controller.Digests;

public sealed class DigestResolutionTests
{
    private ManualTimeProvider _time = null!;
    private Registry _registry = null!;
    private DigestResolution _resolution = null!;
    private ConcurrentQueue<ObjectKey> _resolved = null!;

    [SetUp]
    public void SetUp()
    {
        _time = new ManualTimeProvider();
        _registry = new Registry();
        _resolved = new ConcurrentQueue<ObjectKey>();
        _resolution = new DigestResolution(_registry, _time) { Resolved = _resolved.Enqueue };
    }

    [TearDown]
    public void TearDown() => _resolution.Dispose();

    [Test]
    public void A_resolver_that_answers_at_once_needs_no_second_look()
    {
        _registry.Answer("app:1", "digest");

        _resolution
            .Poll(Samples.Revision(), DeploymentConfig.Default)!
            .Containers.Single()
            .Should()
            .BeEquivalentTo(new { Name = "user-container", ImageDigest = "digest" });
        _resolved.Should().BeEmpty();
    }

    [Test]
    public async Task A_slow_registry_holds_up_no_other_Revision_and_asks_for_its_own_again()
    {
        _registry.Answer("other:1", "digest");

        _resolution.Poll(Samples.Revision(), DeploymentConfig.Default).Should().BeNull();
        _resolution.Poll(Samples.Revision(), DeploymentConfig.Default).Should().BeNull("it is still under way");
        _resolution.Poll(Named("other-00001", "other:1"), DeploymentConfig.Default).Should().NotBeNull();

        _registry.Answer("app:1", "late");
        await Eventually.HoldsAsync(() => _resolved.Should().Equal(new ObjectKey(Samples.Namespace, "hello-00001")));
        _resolution.Poll(Samples.Revision(), DeploymentConfig.Default)!.Containers.Single().ImageDigest.Should().Be("late");
        _registry.Asked.Should().Equal("app:1", "other:1");
    }

    [Test]
    public void Containers_of_one_image_are_one_question()
    {
        _registry.Answer("app:1", "digest");
        var revision = Samples.Revision();
        revision = revision with
        {
            Spec = revision.Spec with
            {
                Containers = [revision.Spec.Containers[0], new Container { Name = "sidecar", Image = "app:1" }],
                InitContainers = [new Container { Name = "init", Image = "app:1" }],
            },
        };

        var result = _resolution.Poll(revision, DeploymentConfig.Default)!;

        _registry.Asked.Should().Equal("app:1");
        result.Containers.Select(container => container.Name).Should().Equal("user-container", "sidecar");
        result.InitContainers.Single().ImageDigest.Should().Be("digest");
    }

    [Test]
    public async Task The_first_image_that_fails_is_told_while_others_are_still_asked_for()
    {
        var revision = Samples.Revision();
        revision = revision with
        {
            Spec = revision.Spec with { Containers = [revision.Spec.Containers[0], new Container { Name = "sidecar", Image = "slow:1" }] },
        };
        _resolution.Poll(revision, DeploymentConfig.Default).Should().BeNull();

        _registry.Fail("app:1");

        await Eventually.HoldsAsync(() => _resolved.Should().ContainSingle());
        var polling = () => _resolution.Poll(revision, DeploymentConfig.Default);
        polling.Should().Throw<DigestException>().WithMessage("*app:1*");
        _registry.Cancellations.Should().OnlyContain(token => token.IsCancellationRequested, "nobody waits for the rest");
    }

    [Test]
    public async Task What_failed_is_asked_again_later_and_later()
    {
        _registry.Fail("app:1");
        var polling = () => _resolution.Poll(Samples.Revision(), DeploymentConfig.Default);
        polling.Should().Throw<DigestException>();

        foreach (var seconds in (int[])[1, 2, 4])
        {
            var before = _registry.Asked.Count;
            polling().Should().BeNull("it waits");
            _time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            _registry.Asked.Should().HaveCount(before);
            _time.Advance(TimeSpan.FromMilliseconds(1));
            await Eventually.HoldsAsync(() => _registry.Asked.Should().HaveCount(before + 1));
            await Eventually.HoldsAsync(() => _resolved.Should().HaveCount(before));
            polling.Should().Throw<DigestException>();
        }
    }

    [Test]
    public void A_Revision_that_comes_back_under_its_name_is_asked_for_anew_and_at_once()
    {
        _registry.Fail("app:1");
        var first = () => _resolution.Poll(Samples.Revision(), DeploymentConfig.Default);
        first.Should().Throw<DigestException>();
        _resolution.Forget(new ObjectKey(Samples.Namespace, "hello-00001"));
        _registry.Answer("app:1", "digest");

        _resolution.Poll(Samples.Revision(), DeploymentConfig.Default).Should().NotBeNull();
    }

    [Test]
    public void Forgetting_stops_what_is_under_way()
    {
        _resolution.Poll(Samples.Revision(), DeploymentConfig.Default).Should().BeNull();

        _resolution.Forget(new ObjectKey(Samples.Namespace, "hello-00001"));

        _registry.Cancellations.Single().IsCancellationRequested.Should().BeTrue();
    }

    [Test]
    public void At_the_end_of_a_term_what_is_under_way_stops_and_another_term_begins_anew()
    {
        _resolution.Poll(Samples.Revision(), DeploymentConfig.Default).Should().BeNull();

        _resolution.Clear();

        _registry.Cancellations.Single().IsCancellationRequested.Should().BeTrue();
        _registry.Answer("app:1", "digest");
        _resolution.Poll(Samples.Revision(), DeploymentConfig.Default).Should().NotBeNull();
    }

    [Test]
    public void No_more_than_a_hundred_images_are_asked_for_at_once()
    {
        for (var number = 0; number < 120; number++)
        {
            _resolution.Poll(Named($"r{number}", $"image:{number}"), DeploymentConfig.Default).Should().BeNull();
        }

        _time.Advance(TimeSpan.FromSeconds(10));
        _registry.Asked.Should().HaveCount(100);
    }

    [Test]
    public void Retries_are_ten_a_second_after_a_burst_for_all_together()
    {
        var pace = new RetryPace(_time);
        var waits = Enumerable.Range(0, 130).Select(_ => pace.Next(1)).ToList();

        waits.Take(100).Should().OnlyContain(wait => wait == TimeSpan.FromSeconds(1), "that is the delay of each");
        waits[^1].Should().Be(TimeSpan.FromSeconds(3));
        new RetryPace(_time).Next(50).Should().Be(TimeSpan.FromSeconds(1000));
    }

    [Test]
    public void First_attempts_do_not_wait_however_many_Revisions_there_are()
    {
        var asked = 0;
        using var resolution = new DigestResolution(new Immediate(() => asked++), _time);

        for (var number = 0; number < 1000; number++)
        {
            resolution.Poll(Named($"r{number}", $"image:{number}"), DeploymentConfig.Default).Should().NotBeNull();
        }

        asked.Should().Be(1000, "a registry that responds at once is not asked at the pace of retries");
    }

    private static Revision Named(string name, string image)
    {
        var revision = Samples.Revision(name);
        return revision with { Spec = Samples.Template(image).Spec };
    }

    private sealed class Immediate(Action asked) : IDigestResolver
    {
        public ValueTask<string> ResolveAsync(DigestRequest request, CancellationToken cancellation)
        {
            asked();
            return ValueTask.FromResult("");
        }
    }

    private sealed class Registry : IDigestResolver
    {
        private readonly ConcurrentDictionary<string, TaskCompletionSource<string>> _answers = new();

        public ConcurrentQueue<string> Asked { get; } = new();

        public ConcurrentQueue<CancellationToken> Cancellations { get; } = new();

        public void Answer(string image, string digest)
        {
            if (!Source(image).TrySetResult(digest))
            {
                _answers[image] = new TaskCompletionSource<string>();
                _answers[image].SetResult(digest);
            }
        }

        public void Fail(string image) => Source(image).SetException(new DigestException(image, "no"));

        public ValueTask<string> ResolveAsync(DigestRequest request, CancellationToken cancellation)
        {
            Asked.Enqueue(request.Image);
            Cancellations.Enqueue(cancellation);
            return new ValueTask<string>(Source(request.Image).Task.WaitAsync(cancellation));
        }

        private TaskCompletionSource<string> Source(string image) =>
            _answers.GetOrAdd(image, static _ => new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously));
    }
}
