using System.Diagnostics.Metrics;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>Reviews in flight are limited, and refused clients are asked to retry.</summary>
public sealed class AdmissionGateTests
{
    private const int Megabyte = 1024 * 1024;

    [Test]
    public void Lets_in_no_more_than_it_may_by_number_and_by_bytes()
    {
        var gate = new AdmissionGate(maxRequests: 2, maxBytes: 100);

        gate.TryEnter(60).Should().BeTrue();
        gate.TryEnter(41).Should().BeFalse("100 bytes are the most");
        gate.TryEnter(40).Should().BeTrue();
        gate.TryEnter(0).Should().BeFalse("two are the most");
        gate.Exit(60);
        gate.TryEnter(60).Should().BeTrue();
        gate.Exit(60);
        gate.Exit(40);
        gate.TryEnter(1000).Should().BeTrue("one alone is never too much");
    }

    [Test]
    public async Task The_webhook_answers_429_with_Retry_After_counts_it_and_recovers()
    {
        var let = new TaskCompletionSource();
        using var server = new AdmissionEndpoints(
            new Dictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>>
            {
                ["/slow"] = async (_, cancellation) =>
                {
                    await let.Task.WaitAsync(cancellation);
                    return AdmissionAnswer.Refused("slow");
                },
            },
            NullLoggerFactory.Instance,
            TimeProvider.System
        );
        var refused = 0L;
        using var listener = new MeterListener { InstrumentPublished = static (instrument, self) => Follow(instrument, self) };
        listener.SetMeasurementEventCallback<long>((_, measurement, _, _) => Interlocked.Add(ref refused, measurement));
        listener.Start();

        var waiting = Enumerable.Range(0, 16).Select(_ => SendAsync(server, 3 * Megabyte)).ToList();
        var answer = await SendAsync(server, 3 * Megabyte);

        answer.StatusCode.Should().Be(StatusCodes.Status429TooManyRequests);
        answer.Headers.RetryAfter.ToString().Should().Be("1");
        Volatile.Read(ref refused).Should().BePositive();
        waiting.Should().OnlyContain(task => !task.IsCompleted);

        let.SetResult();
        (await Task.WhenAll(waiting)).Should().OnlyContain(response => response.StatusCode == StatusCodes.Status200OK);
        (await SendAsync(server, 3 * Megabyte)).StatusCode.Should().Be(StatusCodes.Status200OK);
    }

    private static void Follow(Instrument instrument, MeterListener listener)
    {
        if (instrument is { Meter.Name: "Serving.Webhook", Name: "serving.webhook.refused" })
        {
            listener.EnableMeasurementEvents(instrument);
        }
    }

    private static async Task<HttpResponse> SendAsync(AdmissionEndpoints server, long size)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = HttpMethods.Post;
        http.Request.Path = "/slow";
        http.Request.ContentType = "application/json";
        http.Request.ContentLength = size;
        http.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes("""{"request":{"kind":{"kind":"Service"},"uid":"1"}}"""));
        http.Response.Body = new MemoryStream();
        await server.HandleAsync(http);
        return http.Response;
    }
}
