using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>Arbitrary input from any client of the port: the response is a review or a 4xx, in time, and nothing is leaked.</summary>
[Category("Slow")]
public sealed class HostileReviewTests
{
    private const int Many = 100_000;
    private const long MostKept = 512L * 1024 * 1024;
    private const long MostGrown = 64L * 1024 * 1024;
    private const long MostUsed = 128L * 1024 * 1024;
    private const int MaxBody = 3 * 1024 * 1024;
    private static readonly TimeSpan Slowest = TimeSpan.FromSeconds(10);

    private AdmissionEndpoints _server = null!;

    [OneTimeSetUp]
    public void Create() =>
        _server = new AdmissionEndpoints(
            new Dictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>>
            {
                ["/defaulting"] = (request, _) =>
                    ValueTask.FromResult(ResourceAdmission.Default(request, ConfigSnapshot.Default, "cluster.local")),
                ["/resource-validation"] = (request, _) =>
                    ValueTask.FromResult(ResourceAdmission.Validate(request, ConfigSnapshot.Default, "cluster.local")),
                ["/config-validation"] = (request, _) => ValueTask.FromResult(ConfigMapAdmission.Validate(request, "cluster.local")),
            },
            NullLoggerFactory.Instance,
            TimeProvider.System
        );

    [OneTimeTearDown]
    public void Stop() => _server.Dispose();

    [Test]
    public void A_hundred_thousand_of_them_are_answered()
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var wrong = new ConcurrentQueue<string>();
        var codes = new ConcurrentDictionary<int, int>();
        var slowest = TimeSpan.Zero;
        var most = 0L;
        var started = Stopwatch.GetTimestamp();

        long Answer(int from, int to)
        {
            Parallel.For(from, to, new() { MaxDegreeOfParallelism = Environment.ProcessorCount }, AnswerOne);
            return GC.GetTotalMemory(forceFullCollection: true) - before;
        }

        void AnswerOne(int seed, ParallelLoopState state)
        {
            var began = Stopwatch.GetTimestamp();
            var review = new HostileReviews(seed);
            var (path, body) = (review.Path, review.Next());
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            var (code, problem) = Send(path, body);
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            codes.AddOrUpdate(code, 1, (_, count) => count + 1);
            if (problem is not null)
            {
                wrong.Enqueue($"seed {seed} {path}: {problem}\n{Encoding.UTF8.GetString(body)[..Math.Min(2000, body.Length)]}");
                state.Stop();
            }

            var took = Stopwatch.GetElapsedTime(began);
            slowest = took > slowest ? took : slowest;
            most = Math.Max(most, allocated);
            if (took > Slowest || allocated > MostUsed)
                state.Stop();
        }

        // Pools keep what the largest request needed; they have it after the first half, and more would be a leak.
        var afterHalf = Answer(0, Many / 2);
        var afterAll = Answer(Many / 2, Many);
        TestContext.Out.WriteLine(
            $"kept {afterHalf >> 20} MiB after half, {afterAll >> 20} MiB after all; {Stopwatch.GetElapsedTime(started)}, the slowest {slowest}, at most {most >> 20} MiB for one: {string.Join(", ", codes)}"
        );

        wrong.Should().BeEmpty();
        codes.Keys.Should().BeEquivalentTo([200, 400, 413]);
        codes[200].Should().BeGreaterThan(Many / 2, "most of them are reviews");
        slowest.Should().BeLessThan(Slowest);
        most.Should().BeLessThan(MostUsed, "of one review");
        afterAll.Should().BeLessThan(MostKept);
        (afterAll - afterHalf).Should().BeLessThan(MostGrown, "what is kept does not grow with the number of reviews");
    }

    [Test]
    public void An_object_of_a_million_empty_entries_is_refused_before_it_is_made()
    {
        var body = Encoding.UTF8.GetBytes(
            """{"request":{"kind":{"group":"serving.knative.dev","version":"v1","kind":"Service"},"operation":"CREATE","object":{"spec":{"template":{"spec":{"containers":["""
                + string.Join(',', Enumerable.Repeat("{}", 1_000_000))
                + "]}}}}}}"
        );
        var before = GC.GetAllocatedBytesForCurrentThread();

        Send("/resource-validation", body).Should().Be((200, (string?)null));

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(100 * body.Length);
    }

    [TestCase(40_000)]
    [TestCase(60_000)]
    public void A_list_of_many_entries_is_answered_in_time_that_does_not_grow_with_its_square(int entries)
    {
        var spec =
            "{\"spec\":{\"template\":{\"spec\":{\"containers\":["
            + string.Join(',', Enumerable.Repeat("{\"name\":\"a\"}", entries))
            + "]}}}}";
        var body = Encoding.UTF8.GetBytes(
            "{\"request\":{\"kind\":{\"group\":\"serving.knative.dev\",\"version\":\"v1\",\"kind\":\"Service\"},\"operation\":\"UPDATE\",\"object\":"
                + spec
                + ",\"oldObject\":"
                + spec
                + "}}"
        );

        Send("/defaulting", body).Should().Be((200, (string?)null));
        Send("/resource-validation", body).Should().Be((200, (string?)null));
    }

    [TestCase("", 400)]
    [TestCase("null", 400)]
    [TestCase("[]", 400)]
    [TestCase("{}", 400)]
    [TestCase("{\"request\":null}", 400)]
    [TestCase("{\"request\":{}}", 400)]
    [TestCase("{\"request\":{\"kind\":3}}", 200)]
    [TestCase("{\"request\":{\"kind\":{},\"uid\":1}}", 400)]
    [TestCase("{\"request\":{\"kind\":{},\"uid\":\"\\ud800\"}}", 400)]
    [TestCase("{\"request\":{\"kind\":{}}} trailing", 400)]
    public void What_is_no_review_is_told_from_one(string body, int code) =>
        Send("/resource-validation", Encoding.UTF8.GetBytes(body)).Should().Be((code, (string?)null));

    private (int Code, string? Problem) Send(string path, byte[] body)
    {
        using var answer = new MemoryStream();
        var http = new DefaultHttpContext();
        http.Request.Method = HttpMethods.Post;
        http.Request.Path = path;
        http.Request.ContentType = "application/json";
        http.Request.Body = body.Length <= MaxBody ? new MemoryStream(body) : new TooLarge(body);
        http.Response.Body = answer;
        try
        {
            var handling = _server.HandleAsync(http);
            if (!handling.Wait(TimeSpan.FromSeconds(30)))
            {
                return (0, "no answer in time");
            }
        }
        catch (AggregateException thrown)
        {
            return (500, thrown.InnerException!.ToString());
        }

        return http.Response.StatusCode switch
        {
            >= 500 => (http.Response.StatusCode, "a server's error"),
            200 when JsonNode.Parse(answer.ToArray())?["response"]?["allowed"] is null => (200, "no review"),
            var code => (code, null),
        };
    }

    /// <summary>A body that ends like one over Kestrel's limit.</summary>
    private sealed class TooLarge(byte[] body) : MemoryStream(body)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Position >= MaxBody
                ? throw new BadHttpRequestException("Request body too large.", StatusCodes.Status413PayloadTooLarge)
                : base.ReadAsync(buffer[..(int)Math.Min(buffer.Length, MaxBody - Position)], cancellationToken);
    }
}
