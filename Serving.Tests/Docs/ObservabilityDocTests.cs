using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Docs;

/// <summary>The pages about observability name files, roles and dashboards that there are.</summary>
internal sealed partial class ObservabilityDocTests
{
    private static readonly string[] Pages = ["monitoring.md", "dashboards.md", "runbooks.md"];

    [TestCaseSource(nameof(Pages))]
    public void Every_link_leads_to_a_file(string page)
    {
        var text = File.ReadAllText(Repository.PathOf("docs", page));

        Link()
            .Matches(text)
            .Select(static match => match.Groups[1].Value)
            .Where(static target => target.Length > 0 && !target.Contains("://", StringComparison.Ordinal))
            .Should()
            .NotBeEmpty()
            .And.OnlyContain(static target =>
                File.Exists(Repository.PathOf("docs", target)) || Directory.Exists(Repository.PathOf("docs", target))
            );
    }

    [Test]
    public void Every_file_of_the_install_that_is_named_exists() =>
        DeployPath()
            .Matches(File.ReadAllText(Repository.PathOf("docs", "monitoring.md")))
            .Select(static match => match.Value.TrimEnd('.', '/'))
            .Where(static path => !path.Contains('*', StringComparison.Ordinal))
            .Distinct()
            .Should()
            .HaveCountGreaterThan(5)
            .And.OnlyContain(static path => File.Exists(Repository.PathOf(path)) || Directory.Exists(Repository.PathOf(path)));

    [GeneratedRegex(@"\]\(([^)#]*)")]
    private static partial Regex Link();

    [GeneratedRegex(@"deploy/[\w./*-]+")]
    private static partial Regex DeployPath();
}
