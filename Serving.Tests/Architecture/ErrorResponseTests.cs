using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Architecture;

/// <summary>Error responses are made in one place, which asks for their text.</summary>
public sealed partial class ErrorResponseTests
{
    private static readonly string[] Servers = ["Serving.Modules", "Serving.QueueProxy", "Serving.Host"];

    [Test]
    public void No_server_sets_the_status_of_an_error_without_a_text()
    {
        var found = Servers
            .SelectMany(static folder => Directory.EnumerateFiles(Repository.PathOf(folder), "*.cs", SearchOption.AllDirectories))
            .Where(static file => !file.Split(Path.DirectorySeparatorChar).Any(static part => part is "obj" or "bin"))
            .SelectMany(static file =>
                File.ReadLines(file)
                    .Where(static line => BareStatus().IsMatch(line))
                    .Select(line => $"{Path.GetRelativePath(Repository.Root, file)}: {line.Trim()}")
            );

        found.Should().BeEmpty("a client has to hear what is wrong: PlainText.WriteErrorAsync");
    }

    [GeneratedRegex(@"StatusCode = .*StatusCodes\.Status[45]")]
    private static partial Regex BareStatus();
}
