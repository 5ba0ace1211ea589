using System.Text.Json;

namespace Serving.Tests.Webhook;

/// <summary>Harmful texts for parsers of string values: templates, YAML, JSON, numbers, durations.</summary>
internal static class HostileTexts
{
    private static readonly string[] Openers =
    [
        "{{(",
        "(",
        "{{if .Name}}",
        "{{if .Name}}{{else}}",
        "{{with .}}",
        "{{/*",
        "|len",
        ".Name",
        "[",
        "{",
        "{\"a\":",
        "- ",
        "? ",
        "a: [",
        "!!str ",
        "&a [",
        "\"",
        "'",
        "\\",
        "%",
        "1",
        "1h",
        ".",
    ];

    private static readonly string[] Whole =
    [
        "&a [*a]",
        "*a",
        "&a {a: *a}",
        "{!!str a: x, a: y}",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "{{(.Name}}",
        "{{end}}",
        "{{if}}",
        "{{.Name",
        "{{.Name | js | js | js | js | js | js | js | js}}",
        "{{`\\` | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js}}",
        "{{index .Labels}}",
        "{{.}}",
        "{{printf \"%d%d\" 1}}",
        "NaN",
        "Inf",
        "0x1p9999",
        "1e999999999",
        "-1ns",
        "9999999999999999999h",
        "\u0000",
        "---\n---\n",
        "%YAML 9.9\n---\na",
        "a\tb: [",
        "{}",
        "[]",
        "null",
        "~",
        " ",
        "",
    ];

    /// <summary>One of them, as a JSON string.</summary>
    public static string Next(Random random) => JsonSerializer.Serialize(Text(random));

    private static string Text(Random random)
    {
        if (random.Next(3) == 0)
        {
            return Whole[random.Next(Whole.Length)];
        }

        var opener = Openers[random.Next(Openers.Length)];
        var times = random.Next(50) switch
        {
            0 => random.Next(60_000),
            < 10 => random.Next(3_000),
            _ => random.Next(130),
        };
        var text = string.Concat(Enumerable.Repeat(opener, times));
        return random.Next(2) == 0 ? "{{" + text : text + new string(random.Next(2) == 0 ? ')' : ']', times);
    }
}
