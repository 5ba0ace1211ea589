using System.Globalization;
using FluentAssertions;
using NUnit.Framework;
using Serving.Host.Local.Terminal;

namespace Serving.Tests.Host.Local.Terminal;

public sealed class LiveFrameTests
{
    private const string Title = "http://127.0.0.1:8080";

    [Test]
    public void Fits_every_size_with_any_number_of_Services_and_keeps_its_title(
        [Values(0, 1, 2, 3, 50)] int services,
        [Values(1, 2, 3, 4, 10, 200)] int height,
        [Values(1, 5, 20, 40, 80, 300)] int width
    )
    {
        var lines = LiveFrame.Lines(Rows(services), Title, width, height, colors: false);

        lines.Should().HaveCountLessThanOrEqualTo(height).And.OnlyContain(line => line.Length <= width);
        lines[0].Should().StartWith(Title[..Math.Min(width - 1, Title.Length)]);
        if (width >= 20 && height > 1 && services > 0)
        {
            var told = lines.SingleOrDefault(line => line.StartsWith("+ ", StringComparison.Ordinal))?.Split(' ')[1] ?? "0";
            var shown = lines.Count(line => line.StartsWith("default/", StringComparison.Ordinal));
            (shown + int.Parse(told, CultureInfo.InvariantCulture)).Should().Be(services, "each is shown or counted");
        }
    }

    [Test]
    public void Failing_and_busy_ones_come_first_and_the_others_are_counted()
    {
        var rows = Rows(50);
        rows[20] = rows[20] with { Rate = 3 };
        rows[30] = rows[30] with { Rate = 300 };
        rows[40] = rows[40] with { Row = rows[40].Row with { ServiceReady = "RevisionFailed", IsFailing = true } };
        rows[45] = rows[45] with { Row = rows[45].Row with { ServiceReady = "Deploying" } };

        var lines = LiveFrame.Lines(rows, Title, 100, 8, colors: false);

        lines.Should().HaveCount(8);
        lines[0].Should().Be(Title);
        lines
            .Skip(2)
            .Take(5)
            .Select(line => line.Split(' ')[0])
            .Should()
            .Equal("default/service-40", "default/service-30", "default/service-20", "default/service-45", "default/service-00");
        lines[^1].Should().Be("+ 45 more");
    }

    [Test]
    public void Gives_up_columns_before_it_cuts_a_name([Values(20, 26, 30, 45, 60, 80, 120)] int width)
    {
        var lines = LiveFrame.Lines(Rows(3), Title, width, 10, colors: false);

        lines.Skip(2).Select(line => line.Split(' ')[0]).Should().Equal("default/service-00", "default/service-01", "default/service-02");
        lines.Should().NotContain(line => line.Contains('…') && !line.StartsWith("http", StringComparison.Ordinal));
        string.Join('\n', lines).Contains("service-00-00001", StringComparison.Ordinal).Should().Be(width >= 60);
    }

    [Test]
    public void Says_with_an_ellipsis_that_a_name_is_longer_than_the_terminal_is_wide() =>
        LiveFrame.Lines(Rows(1), Title, 12, 10, colors: false)[^1].Should().Be("default/ser…");

    [Test]
    public void Colours_take_no_room()
    {
        var lines = LiveFrame.Lines(Rows(1), Title, 100, 10, colors: true);

        lines[^1].Should().Contain("\e[32mReady\e[0m");
        System
            .Text.RegularExpressions.Regex.Replace(string.Join('\n', lines), "\e\\[[0-9]+m", "")
            .Should()
            .Be(string.Join('\n', LiveFrame.Lines(Rows(1), Title, 100, 10, colors: false)));
    }

    [Test]
    public void Without_a_Service_it_says_how_to_make_one() =>
        LiveFrame.Lines([], Title, 80, 24, colors: false).Should().Equal(Title, "none yet: kubectl apply -f samples/helloworld.yaml");

    internal static LiveRow[] Rows(int count) =>
        [
            .. Enumerable
                .Range(0, count)
                .Select(i => new LiveRow(
                    new RevisionRow($"default/service-{i:00}", "", "Ready", $"service-{i:00}-00001", 100, 1, 1, 1, 12, IsFailing: false),
                    0
                )),
        ];
}
