using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Architecture;

/// <summary>The line length that the formatter keeps for code also holds for comments. Only a string literal may make a line
/// longer.</summary>
public sealed partial class LineLengthTests
{
    private const int MaxLength = 140;

    [Test]
    public void No_line_is_too_long()
    {
        var found = Sources().SelectMany(static file => TooLong(File.ReadLines(file)).Select(line => $"{file}:{line}"));

        string.Join("\n", found).Should().BeEmpty("a line has at most {0} characters", MaxLength);
    }

    [TestCase("// {0}", ExpectedResult = true)]
    [TestCase("var text = \"{0}\";", ExpectedResult = false)]
    [TestCase("var text = \"\"; {0}", ExpectedResult = true)]
    [TestCase("\"\"\"\n{0}\n\"\"\"", ExpectedResult = false)]
    [TestCase("\"\"\"\"{0}\"\"\"\"", ExpectedResult = false)]
    public bool Knows_a_line_that_is_too_long(string source) =>
        TooLong(string.Format(null, source, new string('x', MaxLength)).Split('\n')).Any();

    private static IEnumerable<int> TooLong(IEnumerable<string> lines)
    {
        var (number, raw) = (0, false);
        foreach (var line in lines)
        {
            number++;
            var inside = raw;
            if (RawQuotes().Count(line) % 2 == 1)
                raw = !raw;
            if (!inside && !RawQuotes().IsMatch(line) && StringLiteral().Replace(line, "").Length > MaxLength)
                yield return number;
        }
    }

    private static IEnumerable<string> Sources() =>
        Directory
            .EnumerateFiles(Repository.Root, "*.cs", SearchOption.AllDirectories)
            .Where(static file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal));

    [GeneratedRegex("\"\"\"+")]
    private static partial Regex RawQuotes();

    [GeneratedRegex(@"""(?:[^""\\]|\\.)*""")]
    private static partial Regex StringLiteral();
}
