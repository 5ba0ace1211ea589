using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>Whoever reaches the port can send anything: the answer is a review or a 4xx, soon, and nothing stays behind.</summary>
public sealed class HostileReviewTests
{
    private const int Many = 100_000;
    private const long MostKept = 64L * 1024 * 1024;

    private WebhookServer server = null!;

    [OneTimeSetUp]
    public void Create() => server = new WebhookServer(
        new(IPAddress.Loopback, 0),
        () => throw new InvalidOperationException("nobody connects"),
        new Dictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>>
        {
            ["/defaulting"] = (request, _) => ValueTask.FromResult(ResourceAdmission.Default(request, ConfigSnapshot.Default, "cluster.local")),
            ["/resource-validation"] = (request, _) => ValueTask.FromResult(ResourceAdmission.Validate(request, ConfigSnapshot.Default, "cluster.local")),
            ["/config-validation"] = (request, _) => ValueTask.FromResult(ConfigMapAdmission.Validate(request, "cluster.local")),
        },
        NullLoggerFactory.Instance,
        TimeProvider.System);

    [OneTimeTearDown]
    public async Task Stop() => await server.DisposeAsync();

    [Test]
    public void A_hundred_thousand_of_them_are_answered()
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var wrong = new ConcurrentQueue<string>();
        var codes = new ConcurrentDictionary<int, int>();
        var slowest = TimeSpan.Zero;

        Parallel.For(0, Many, new() { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, state) =>
        {
            var began = Stopwatch.GetTimestamp();
            var body = new HostileReviews(seed).Next();
            var path = (seed % 5) switch { 0 => "/config-validation", 1 or 2 => "/defaulting", _ => "/resource-validation" };
            var (code, problem) = Send(path, body);
            codes.AddOrUpdate(code, 1, (_, count) => count + 1);
            if (problem is not null)
            {
                wrong.Enqueue($"seed {seed} {path}: {problem}\n{Encoding.UTF8.GetString(body)[..Math.Min(2000, body.Length)]}");
                state.Stop();
            }

            var took = Stopwatch.GetElapsedTime(began);
            slowest = took > slowest ? took : slowest;
        });

        wrong.Should().BeEmpty();
        codes.Keys.Should().BeSubsetOf([200, 400]).And.HaveCount(2);
        codes[200].Should().BeGreaterThan(Many / 2, "most of them are reviews");
        slowest.Should().BeLessThan(TimeSpan.FromSeconds(10));
        (GC.GetTotalMemory(forceFullCollection: true) - before).Should().BeLessThan(MostKept);
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
    public void What_is_no_review_is_told_from_one(string body, int code)
        => Send("/resource-validation", Encoding.UTF8.GetBytes(body)).Should().Be((code, (string?)null));

    private (int Code, string? Problem) Send(string path, byte[] body)
    {
        using var answer = new MemoryStream();
        var http = new DefaultHttpContext();
        http.Request.Method = HttpMethods.Post;
        http.Request.Path = path;
        http.Request.ContentType = "application/json";
        http.Request.Body = new MemoryStream(body);
        http.Response.Body = answer;
        try
        {
            var handling = server.HandleAsync(http);
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
}
