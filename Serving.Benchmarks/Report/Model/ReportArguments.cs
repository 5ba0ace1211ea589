using System.Globalization;

namespace Serving.Benchmarks.Report.Model;

/// <summary>The command line of <c>report</c> and of a scenario.</summary>
internal sealed record ReportArguments
{
    /// <summary>The path of Serving.Host.dll.</summary>
    public required string Host { get; init; }

    /// <summary>The scenarios to run.</summary>
    public required IReadOnlyList<string> Only { get; init; }

    /// <summary>Whether this is the smoke test.</summary>
    public bool Short { get; init; }

    /// <summary>The directory of the report; that of a smoke test is not docs, where it would replace real figures.</summary>
    public string Output
    {
        get =>
            field.Length > 0 ? field
            : Short ? "artifacts/benchmarks"
            : "docs";
        init;
    } = "";

    /// <summary>The sidecars to measure.</summary>
    public IReadOnlyList<string> QueueProxies { get; init; } = [];

    /// <summary>The numbers of Services.</summary>
    public IReadOnlyList<int> Counts { get; init; } = [];

    /// <summary>How often each contender is measured.</summary>
    public int? Rounds { get; init; }

    /// <summary>The seconds of a measurement.</summary>
    public int? Seconds { get; init; }

    /// <summary>Reads a command line.</summary>
    /// <param name="command"><c>report</c>, or the name of the only scenario.</param>
    /// <param name="arguments">What follows it.</param>
    /// <param name="scenarios">The names of all scenarios.</param>
    /// <exception cref="FormatException">It is not one; the message says why and how it is used.</exception>
    public static ReportArguments Parse(string command, IReadOnlyList<string> arguments, IReadOnlyList<string> scenarios)
    {
        var isReport = command == "report";
        var host = arguments.Count > 0 ? arguments[0] : "";
        if (!host.EndsWith(".dll", StringComparison.Ordinal))
            throw Problem("the path of Serving.Host.dll is missing");
        var parsed = new ReportArguments { Host = host, Only = isReport ? scenarios : [command] };
        for (var i = 1; i < arguments.Count; i++)
        {
            parsed = arguments[i] switch
            {
                "--short" => parsed with { Short = true },
                "--output" when isReport => parsed with { Output = Next() },
                "--only" when isReport => parsed with { Only = Names() },
                "--queue-proxy" => parsed with { QueueProxies = [.. parsed.QueueProxies, Next()] },
                "--rounds" => parsed with { Rounds = Number(Next()) },
                "--seconds" => parsed with { Seconds = Number(Next()) },
                var count when command == "services" => parsed with { Counts = [.. parsed.Counts, Number(count)] },
                var other => throw Problem($"'{other}' is not known"),
            };

            string Next() => ++i < arguments.Count ? arguments[i] : throw Problem($"a value is missing after {arguments[^1]}");

            IReadOnlyList<string> Names()
            {
                var names = new List<string>();
                while (i + 1 < arguments.Count && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal))
                {
                    var name = arguments[++i];
                    names.Add(scenarios.Contains(name) ? name : throw Problem($"'{name}' is no scenario"));
                }

                return names.Count > 0 ? names : throw Problem("a name is missing after --only");
            }
        }

        return parsed;

        int Number(string text) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
                ? number
                : throw Problem($"'{text}' is not a number above 0");

        FormatException Problem(string what) =>
            new(
                $"{command}: {what}. Usage: {command} HOST.dll [--short] [--rounds N] [--seconds N] [--queue-proxy PROGRAM]…"
                    + (isReport ? $" [--output DIR] [--only NAME…], with the names {string.Join(", ", scenarios)}" : "")
                    + (command == "services" ? " [COUNT…]" : "")
                    + "."
            );
    }
}
