using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Docs;

/// <summary>docs/conformance.md names tests that there are, and every public test has one or says why not.</summary>
public sealed partial class ConformanceDocTests
{
    private const string DefaultFolder = "Controller";

    /// <summary>The rows of each suite's table, by its heading.</summary>
    private static ILookup<string, string[]> Suites { get; } = Read().ToLookup(row => row.Suite, row => row.Cells);

    private static List<string[]> Rows { get; } = [.. Suites.SelectMany(suite => suite)];

    private static IEnumerable<string> Named =>
        Rows.SelectMany(row => Quoted().Matches(row[2])).Select(match => match.Groups[1].Value).Distinct();

    [TestCaseSource(nameof(Named))]
    public void A_test_that_is_named_exists(string name)
    {
        var parts = Test().Match(name);
        parts.Success.Should().BeTrue($"{name} should be a class of tests, or a test");

        var (folder, fixture, method) = (
            parts.Groups["folder"].Value is { Length: > 0 } given ? given : DefaultFolder,
            parts.Groups["class"].Value,
            parts.Groups["method"].Value
        );
        File.Exists(Repository.PathOf("Serving.Tests", folder, fixture + ".cs"))
            .Should()
            .BeTrue($"{fixture} should be in Serving.Tests/{folder}");
        var types = typeof(ConformanceDocTests).Assembly.GetTypes().Where(type => type.Name == fixture).ToList();
        types.Should().NotBeEmpty();
        if (method.Length > 0)
        {
            types.Select(type => type.GetMethod(method)).Should().Contain(found => found != null, $"{fixture} should have {method}");
        }
    }

    [Test]
    public void Every_public_test_is_checked_here_or_needs_a_real_cluster() =>
        Rows.Should().HaveCountGreaterThan(30).And.OnlyContain(row => row[2].Length > 0 || row[3].Length > 0);

    [Test]
    public void Every_public_test_stands_once_in_its_suite()
    {
        foreach (var suite in Suites)
        {
            suite.SelectMany(row => row[0].Split(',', StringSplitOptions.TrimEntries)).Should().OnlyHaveUniqueItems(suite.Key);
        }
    }

    private static IEnumerable<(string Suite, string[] Cells)> Read()
    {
        var suite = "";
        foreach (var line in File.ReadLines(Repository.PathOf("docs", "conformance.md")))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
            {
                suite = line;
            }
            else if (line.StartsWith("| Test", StringComparison.Ordinal))
            {
                yield return (suite, line.Trim().Trim('|').Split('|', StringSplitOptions.TrimEntries));
            }
        }
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^(?:(?<folder>[A-Za-z/]+)/)?(?<class>\w+Tests)(?:\.(?<method>\w+))?$")]
    private static partial Regex Test();
}
