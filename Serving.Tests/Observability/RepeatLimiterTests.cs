using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Serving.Observability.Logging;
using Serving.Tests.Support;

namespace Serving.Tests.Observability;

public sealed class RepeatLimiterTests
{
    private readonly ManualTimeProvider _time = new();

    [Test]
    public void A_warning_about_one_object_is_written_once_a_minute_and_says_how_many_were_not()
    {
        var lines = Lines(log =>
        {
            var logger = log("Serving.Controller.route");
            for (var second = 0; second < 90; second++)
            {
                logger.LogWarning(
                    "Reconciling {Reconciler} {Key} failed (attempt {Attempt}): {Reason}",
                    "route",
                    "ns/web",
                    second,
                    $"at {second}"
                );
                _time.Advance(TimeSpan.FromSeconds(1));
            }
        });

        lines.Should().HaveCount(2);
        lines[0].Should().EndWith("Reconciling route ns/web failed (attempt 0): at 0");
        lines[1].Should().EndWith("Reconciling route ns/web failed (attempt 60): at 60 (and 59 more like it before)");
    }

    [Test]
    public void Other_objects_other_lines_and_other_failures_are_written_all_the_same()
    {
        var lines = Lines(log =>
        {
            var logger = log("Serving.Controller.route");
            logger.LogWarning("No {Thing}", "one");
            logger.LogWarning("No {Thing}", "two");
            logger.LogWarning("Never a {Thing}", "one");
            logger.LogWarning(new IOException("io"), "No {Thing}", "one");
            logger.LogWarning(new FormatException("format"), "No {Thing}", "one");
            logger.LogError("No {Thing}", "one");
        });

        lines.Should().HaveCount(5, "the last is about what the first is about");
    }

    [Test]
    public void What_is_no_warning_is_written_as_often_as_it_is_said() =>
        Lines(log =>
            {
                for (var i = 0; i < 10; i++)
                    log("Serving.Controller.route").LogInformation("Hello {Name}", "web");
            })
            .Should()
            .HaveCount(10);

    [Test]
    public void What_a_library_says_of_each_connection_is_one_thing() =>
        Lines(log =>
            {
                for (var i = 0; i < 300; i++)
                {
                    log("Microsoft.AspNetCore.Server.Kestrel")
                        .LogError(
                            new InvalidOperationException("too few bytes"),
                            "Connection id \"{ConnectionId}\", Request id \"{TraceIdentifier}\": failed.",
                            $"0HN{i}",
                            $"0HN{i}:1"
                        );
                }
            })
            .Should()
            .ContainSingle();

    [Test]
    public void Any_number_of_objects_takes_a_bounded_room()
    {
        var limiter = new RepeatLimiter(_time);
        var passed = 0;
        for (var i = 0; i < 100_000; i++)
        {
            if (
                limiter.TryPass(
                    "Serving.X",
                    LogLevel.Warning,
                    (KeyValuePair<string, object?>[])[new("Key", $"ns/web-{i}"), new("{OriginalFormat}", "No {Key}")],
                    null,
                    out _
                )
            )
                passed++;
        }

        limiter.Count.Should().BeLessThanOrEqualTo(RepeatLimiter.MostRemembered + 1);
        passed
            .Should()
            .BeLessThanOrEqualTo(
                RepeatLimiter.MostRemembered + 1,
                "a flood of objects is a line for each that is remembered, and one for the rest"
            );

        _time.Advance(RepeatLimiter.Interval);
        limiter
            .TryPass(
                "Serving.X",
                LogLevel.Warning,
                (KeyValuePair<string, object?>[])[new("Key", "ns/new"), new("{OriginalFormat}", "No {Key}")],
                null,
                out _
            )
            .Should()
            .BeTrue();
        limiter.Count.Should().BeLessThan(10, "what is old makes room");
    }

    private List<string> Lines(Action<Func<string, ILogger>> log)
    {
        using var output = new MemoryStream();
        using (var provider = new StructuredLoggerProvider(new LogOptions { Format = LogFormat.Plain, Output = output }, _time))
        {
            log(provider.CreateLogger);
        }

        return [.. Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }
}
