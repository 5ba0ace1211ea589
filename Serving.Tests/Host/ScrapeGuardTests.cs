using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NSubstitute.ExceptionExtensions;
using NUnit.Framework;
using Serving.Api;
using Serving.Host.Metrics;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

public sealed class ScrapeGuardTests
{
    private readonly ManualTimeProvider _time = new();
    private IKubernetesClient _client = null!;
    private ScrapeGuard _guard = null!;
    private int _asked;

    [SetUp]
    public void Make()
    {
        _asked = 0;
        _client = Substitute.For<IKubernetesClient>();
        _client
            .CreateAsync(
                Arg.Any<ResourceType<Unstructured>>(),
                Arg.Any<Unstructured>(),
                Arg.Any<CancellationToken>(),
                Arg.Any<WriteOptions?>()
            )
            .Returns(call => Answer(call.Arg<Unstructured>()));
        _guard = new ScrapeGuard(_client, _time, NullLogger<ScrapeGuard>.Instance);
    }

    [TearDown]
    public void Stop() => _guard.Dispose();

    [TestCase(null)]
    [TestCase("Bearer ")]
    [TestCase("Basic cHJvbWV0aGV1czp4")]
    public async Task Without_a_token_nobody_is_asked(string? authorization)
    {
        (await JudgeAsync(authorization)).Should().Be(ScrapeVerdict.Unauthenticated);

        _asked.Should().Be(0);
    }

    [TestCase("good", ScrapeVerdict.Allowed)]
    [TestCase("known", ScrapeVerdict.Forbidden)]
    [TestCase("forged", ScrapeVerdict.Unauthenticated)]
    public async Task An_answer_holds_for_a_minute(string token, object verdict)
    {
        (await JudgeAsync($"Bearer {token}")).Should().Be((ScrapeVerdict)verdict);
        var questions = _asked;
        _time.Advance(TimeSpan.FromSeconds(59));
        (await JudgeAsync($"bearer {token}")).Should().Be((ScrapeVerdict)verdict);
        _asked.Should().Be(questions);

        _time.Advance(TimeSpan.FromSeconds(2));
        await JudgeAsync($"Bearer {token}");
        _asked.Should().Be(2 * questions, "a right that was taken away ends within a minute");
    }

    [Test]
    public async Task Many_tokens_of_strangers_neither_grow_it_nor_push_out_who_may()
    {
        await JudgeAsync("Bearer good");
        for (var i = 0; i < 2 * ScrapeGuard.Remembered; i++)
        {
            await JudgeAsync($"Bearer stranger-{i}");
        }

        _guard.Count.Should().BeLessThanOrEqualTo(ScrapeGuard.Remembered);
        var before = _asked;
        (await JudgeAsync("Bearer good")).Should().Be(ScrapeVerdict.Allowed);
        _asked.Should().Be(before);
        (await JudgeAsync("Bearer good-too")).Should().Be(ScrapeVerdict.Allowed);
        before = _asked;
        await JudgeAsync("Bearer good-too");
        _asked.Should().Be(before, "who may is remembered in the place of strangers");
    }

    [Test]
    public async Task An_API_server_that_is_away_opens_nothing_and_is_not_remembered()
    {
        var away = Substitute.For<IKubernetesClient>();
        away.CreateAsync(
                Arg.Any<ResourceType<Unstructured>>(),
                Arg.Any<Unstructured>(),
                Arg.Any<CancellationToken>(),
                Arg.Any<WriteOptions?>()
            )
            .ThrowsAsync(new HttpRequestException("connection refused"));
        using var alone = new ScrapeGuard(away, _time, NullLogger<ScrapeGuard>.Instance);

        (await alone.JudgeAsync("Bearer good", CancellationToken.None)).Should().Be(ScrapeVerdict.Unavailable);
        alone.Count.Should().Be(0);
    }

    private ValueTask<ScrapeVerdict> JudgeAsync(string? authorization) => _guard.JudgeAsync(authorization, CancellationToken.None);

    private Unstructured Answer(Unstructured review)
    {
        _asked++;
        var document = review.ToJson();
        var token = (string?)document["spec"]!["token"];
        document["status"] =
            token is null
                ? new JsonObject { ["allowed"] = ((string)document["spec"]!["user"]!).StartsWith("good", StringComparison.Ordinal) }
            : token.StartsWith("good", StringComparison.Ordinal) || token == "known"
                ? new JsonObject
                {
                    ["authenticated"] = true,
                    ["user"] = new JsonObject { ["username"] = token },
                }
            : new JsonObject { ["authenticated"] = false };
        return new Unstructured(document);
    }
}
