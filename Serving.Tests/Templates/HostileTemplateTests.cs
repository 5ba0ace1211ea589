using System.Diagnostics;
using FluentAssertions;
using NUnit.Framework;
using Serving.Templates;

namespace Serving.Tests.Templates;

/// <summary>Parsing and executing any template ends soon and needs neither a deep stack nor much memory.</summary>
public sealed class HostileTemplateTests
{
    private static IEnumerable<TestCaseData> Deep =>
        from levels in new[] { 101, 1_000, 1_000_000 }
        from shape in Shapes
        select new TestCaseData(shape.Make(levels)).SetArgDisplayNames(shape.Name, levels.ToString());

    private static (string Name, Func<int, string> Make)[] Shapes { get; } =
    [
        ("parentheses", n => "{{" + new string('(', n) + ".Name" + new string(')', n) + "}}"),
        ("open parentheses", n => "{{" + new string('(', n) + "}}"),
        ("if", n => Repeat("{{if .Name}}", n) + Repeat("{{end}}", n)),
        ("open if", n => Repeat("{{if .Name}}", n)),
        ("with", n => Repeat("{{with .}}", n) + Repeat("{{end}}", n)),
        ("else", n => Repeat("{{if .Name}}{{else}}", n) + Repeat("{{end}}", n)),
        ("else if", n => "{{if .Name}}" + Repeat("{{else if .Name}}", n) + "{{end}}"),
        ("pipeline", n => "{{.Name" + Repeat("|len", n) + "}}"),
        ("fields", n => "{{" + Repeat(".Name", n) + "}}"),
        ("calls", n => "{{" + Repeat("not (", n) + "1" + new string(')', n) + "}}"),
        ("arguments", n => "{{" + Repeat("(print 1 ", n) + "}}"),
    ];

    [TestCaseSource(nameof(Deep))]
    public void Nesting_beyond_all_reason_is_refused(string text) =>
        FluentActions
            .Invoking(() => Template.Parse("t", text))
            .Should()
            .Throw<TemplateException>()
            .WithMessage(text.Length > Template.MaxLength ? "template: t:1: too long: *" : "template: t:1: too deeply nested: *");

    [Test]
    public void A_hundred_levels_are_fine()
    {
        var data = new TemplateRecord("data", ("Name", "a"));
        Template.Parse("t", "{{" + new string('(', 100) + ".Name" + new string(')', 100) + "}}").Execute(data).Should().Be("a");
        Template.Parse("t", Repeat("{{if .Name}}", 100) + "x" + Repeat("{{end}}", 100)).Execute(data).Should().Be("x");
        Template.Parse("t", Repeat("{{if .Name}}b{{end}}", 1000)).Execute(data).Should().HaveLength(1000, "what follows is not within");
        Template.Parse("t", Repeat("{{(.Name)}}", 1000)).Execute(data).Should().HaveLength(1000);
    }

    [TestCase(
        "{{`\\\\` | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js | js}}"
    )]
    [TestCase(
        "{{`\\\\` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q` | printf `%q`}}"
    )]
    public void Escaping_again_and_again_ends(string text) =>
        FluentActions
            .Invoking(() => Template.Parse("t", text).Execute(null))
            .Should()
            .Throw<TemplateException>()
            .WithMessage("*the result is too long*");

    [TestCase("{{", " ", ".Name}}")]
    [TestCase("{{.Name", "\n", "-}}")]
    [TestCase("{{.Name}}", "{{/*", "*/}}")]
    [TestCase("", "{{- ", "")]
    [TestCase("", "{{.Name -}} ", "")]
    [TestCase("{{\"", "\\\\", "\"}}")]
    [TestCase("{{print ", "1 ", "}}")]
    public void Time_does_not_grow_with_the_square_of_the_length(string before, string part, string after)
    {
        var text = before + Repeat(part, (Template.MaxLength - before.Length - after.Length) / part.Length) + after;
        var began = Stopwatch.GetTimestamp();
        try
        {
            Template.Parse("t", text).Execute(new TemplateRecord("data", ("Name", "a")));
        }
        catch (TemplateException)
        {
            // Whether the template is valid does not matter here.
        }

        Stopwatch.GetElapsedTime(began).Should().BeLessThan(TimeSpan.FromSeconds(2));
    }

    [Test]
    public void Many_long_results_end()
    {
        var began = Stopwatch.GetTimestamp();
        FluentActions
            .Invoking(() =>
                Template.Parse("t", Repeat("{{if js `" + new string('\\', 1000) + "` | js | js | js | js | js}}{{end}}", 60)).Execute(null)
            )
            .Should()
            .Throw<TemplateException>()
            .WithMessage("*the result is too long*");
        Stopwatch.GetElapsedTime(began).Should().BeLessThan(TimeSpan.FromSeconds(5));
    }

    private static string Repeat(string text, int times) => string.Concat(Enumerable.Repeat(text, times));
}
