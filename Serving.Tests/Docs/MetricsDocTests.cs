using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Docs;

/// <summary>
/// docs/metrics.md lists every instrument as it is. After a change run these tests once with <c>SERVING_UPDATE_DOCS=1</c>, which writes the
/// tables.
/// </summary>
public sealed partial class MetricsDocTests
{
    [Test]
    public void The_tables_are_those_of_the_instruments()
    {
        var document = File.ReadAllText(MetricsDoc.Path);
        var expected = MetricsDoc.Expected(document);
        if (Environment.GetEnvironmentVariable(MetricsDoc.UpdateVariable) == "1")
        {
            File.WriteAllText(MetricsDoc.Path, expected);
            return;
        }

        document.Should().Be(expected, "the tables are made from the code; {0}=1 writes them", MetricsDoc.UpdateVariable);
    }

    [Test]
    public void Every_instrument_has_a_unit_and_a_description() =>
        MetricsDoc
            .Instruments.Where(static one => string.IsNullOrEmpty(one.Unit) || string.IsNullOrWhiteSpace(one.Description))
            .Select(static one => one.Name)
            .Should()
            .BeEmpty();

    [Test]
    public void No_two_instruments_of_a_process_have_the_same_name_in_Prometheus() =>
        MetricsDoc
            .Instruments.Where(static one => one.Meter.Name != "Serving.QueueProxy")
            .Select(MetricsDoc.PrometheusName)
            .Should()
            .OnlyHaveUniqueItems();

    [Test]
    public void Every_instrument_in_the_code_is_listed()
    {
        var created = Sources()
            .SelectMany(static file => Creation().Matches(File.ReadAllText(file)))
            .Select(static match => match.Groups["name"].Value)
            .Where(static name => !name.Contains('{', StringComparison.Ordinal))
            .ToList();

        created.Should().HaveCountGreaterThan(30);
        created.Should().BeSubsetOf(MetricsDoc.Instruments.Select(static one => one.Name));
    }

    private static IEnumerable<string> Sources() =>
        new[] { "Serving.Modules", "Serving.QueueProxy", "Serving.Host", "Serving.LocalCluster" }
            .SelectMany(static folder => Directory.EnumerateFiles(Repository.PathOf(folder), "*.cs", SearchOption.AllDirectories))
            .Where(static file =>
                !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
            );

    [GeneratedRegex(@"\.Create(?:Observable)?(?:Counter|UpDownCounter|Gauge|Histogram)(?:<\w+>)?\(\s*\$?""(?<name>[^""]+)""")]
    private static partial Regex Creation();
}
