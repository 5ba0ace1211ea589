using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Architecture;

/// <summary>
/// What must not be written in production code, because an exception on the thread of a timer or of the pool ends the process, or because
/// what fails is never heard of. <c>Serving.Concurrency</c> has what to write instead.
/// </summary>
public sealed partial class ConcurrencyRulesTests
{
    private static readonly string[] Production = ["Serving.Modules", "Serving.QueueProxy", "Serving.Host", "Serving.LocalCluster"];

    /// <summary>What may be registered with a token: it cannot throw, so whoever cancels, a timer for one, survives it.</summary>
    private static readonly Regex[] Registrable =
    [
        new(@"\.CancelSafely\(\)"),
        new(@"\.TrySet(Result|Canceled)\("),
        new(@"\(\(Waiter\)state!\)\.Leave\(\)"),
        new(@"\(\(Http1Connection\)state!\)\.Abort\(\)"),
        new(@"\(\(Http2RequestBody\)state!\)\.Stop\(\)"),
        new(@"\(\(Watch\)state!\)\.OnClosed\(\)"),
        new(@"Register\(OnStop\)"),
        new(@"=> stopping = true\)"),
    ];

    [TestCase(
        @"\.Cancel\(\)",
        "a source that is disposed at the same time throws, and so does what was registered: CancelSafely, or await CancelAsync"
    )]
    [TestCase(@"\bnew (System\.Threading\.)?Timer\(|\.CreateTimer\(", "what a timer throws ends the process: BackgroundTimer")]
    [TestCase(@"\basync void\b", "what it throws ends the process: async Task, and BackgroundFailure.Watch")]
    [TestCase(
        @"\bContinueWith\(|QueueUserWorkItem\(",
        "what it throws is never heard of, or ends the process: an async method, and BackgroundFailure.Watch"
    )]
    [TestCase(
        @"_ = (?!\w*\??\.?CancelSafelyAsync)[\w.?]*(Task\.Run|(?<!CancelSafely)Async)\(",
        "what it throws is never heard of: BackgroundFailure.Watch"
    )]
    public void No_production_code_says(string pattern, string instead)
    {
        var found = Lines().Where(line => Regex.IsMatch(line.Text, pattern)).Select(static line => line.Place);

        found.Should().BeEmpty(instead);
    }

    [Test]
    public void Only_what_cannot_throw_is_registered_with_a_token()
    {
        var found = Lines()
            .Where(static line => Registration().IsMatch(line.Text) && !Array.Exists(Registrable, allowed => allowed.IsMatch(line.Text)))
            .Select(static line => line.Place);

        found
            .Should()
            .BeEmpty(
                "it may run on the thread of a timer, where an exception ends the process; list it in {0} once it cannot throw",
                nameof(Registrable)
            );
    }

    [GeneratedRegex(@"(?i)(cancell?ation|token|stop|closed|aborted|terminated|ended)\w*\.(Unsafe)?Register\(")]
    private static partial Regex Registration();

    private static IEnumerable<(string Place, string Text)> Lines()
    {
        foreach (var folder in Production)
        {
            foreach (var file in Directory.EnumerateFiles(Repository.PathOf(folder), "*.cs", SearchOption.AllDirectories))
            {
                var path = Path.GetRelativePath(Repository.Root, file);
                if (path.Split(Path.DirectorySeparatorChar).Any(static part => part is "obj" or "bin" or "Concurrency"))
                    continue;
                var lines = File.ReadAllLines(file);
                for (var i = 0; i < lines.Length; i++)
                {
                    if (!lines[i].TrimStart().StartsWith("//", StringComparison.Ordinal))
                        yield return ($"{path}:{i + 1}: {lines[i].Trim()}", CallAt(lines, i));
                }
            }
        }
    }

    /// <summary>The line, with the arguments that follow it on lines of their own.</summary>
    private static string CallAt(string[] lines, int at)
    {
        var call = lines[at];
        for (var next = at + 1; call.EndsWith('(') || call.EndsWith(','); next++)
        {
            if (next == lines.Length || next > at + 8)
                break;
            call += " " + lines[next].Trim();
        }

        return call;
    }
}
