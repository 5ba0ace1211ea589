using FluentAssertions;
using NUnit.Framework;
using Serving.Templates;

namespace Serving.Tests.Templates;

public sealed class TemplateTests
{
    private static readonly TemplateRecord Data = new(
        "data",
        ("Name", "hello"),
        ("Namespace", "default"),
        ("Count", 3L),
        ("Latency", 0.25),
        ("Empty", ""),
        ("Annotations", new Dictionary<string, string> { ["sub"] = "www" }),
        ("Request", new TemplateRecord("request", ("URI", "/a?b=\"<c>\"")))
    );

    [TestCase("plain", "plain")]
    [TestCase("{{.Name}}.{{.Namespace}}", "hello.default")]
    [TestCase("{{ .Count }} {{.Latency}}", "3 0.25")]
    [TestCase("{{index .Annotations \"sub\"}}", "www")]
    [TestCase("{{index .Annotations \"none\"}}", "")]
    [TestCase("{{.Annotations.sub}}|{{.Annotations.none}}", "www|<no value>")]
    [TestCase("{{if .Empty}}a{{else if eq .Name \"hello\"}}b{{else}}c{{end}}", "b")]
    [TestCase("{{if and .Name .Empty}}a{{else}}c{{end}}", "c")]
    [TestCase("{{with .Request}}{{.URI | len}}{{end}}{{with .Empty}}x{{else}}-{{.Name}}{{end}}", "10-hello")]
    [TestCase("{{js .Request.URI}}", @"/a?b\u003D\""\u003Cc\u003E\""")]
    [TestCase("{{.Name | printf \"%s-%q\" .Namespace}}", "default-\"hello\"")]
    [TestCase("a {{- /* note */ -}} b", "ab")]
    [TestCase("a  {{- .Name -}}  b", "ahellob")]
    [TestCase("{{$.Name}}{{(index .Annotations \"sub\")}}{{`raw`}}", "hellowwwraw")]
    [TestCase("{{gt .Count 2}} {{le .Count 2}} {{not true}} {{ne .Name \"x\"}}", "true false false true")]
    [TestCase("{{html \"<a>\"}}{{urlquery \"a b\"}}", "&lt;a&gt;a+b")]
    public void Applies(string text, string expected) => Template.Parse("t", text).Execute(Data).Should().Be(expected);

    [TestCase("{{range .Name}}{{end}}", "template: t:1: \"range\" is not supported")]
    [TestCase("\n{{nosuch .Name}}", "template: t:2: function \"nosuch\" not defined")]
    [TestCase("{{$x := 1}}", "template: t:1: variable \"$x\" is not supported")]
    [TestCase("{{if .Name}}a", "template: t:1: unexpected EOF: {{if}} has no {{end}}")]
    [TestCase("{{.Name", "template: t:1: unclosed action")]
    [TestCase("{{end}}", "template: t:1: unexpected {{end}}")]
    [TestCase("{{\"a\" .Namespace}}", "template: t:1: can't give argument to non-function \"a\"")]
    [TestCase("{{(.Name) .Namespace}}", "template: t:1: can't give argument to non-function \"(\"")]
    [TestCase("{{}}", "template: t:1: missing value for command")]
    public void Refuses_what_it_does_not_know_by_name_and_line(string text, string message) =>
        FluentActions.Invoking(() => Template.Parse("t", text)).Should().Throw<TemplateException>().WithMessage(message);

    [Test]
    public void Refuses_to_apply_to_data_without_the_field() =>
        FluentActions
            .Invoking(() => Template.Parse("t", "{{.Nope}}").Execute(Data))
            .Should()
            .Throw<TemplateException>()
            .WithMessage("template: t:1: executing: can't evaluate field Nope in type data");

    [TestCase("{{.Header.Get \"x-id\"}} {{.Header.Get \"None\"}}|", "1 |")]
    [TestCase("{{\"X-Id\" | .Header.Get}} {{($.Header).Get \"Accept\"}}", "1 */*")]
    [TestCase("{{index .Header \"X-Id\" 1}}{{with .Header}}{{.Get \"X-Id\" | len}}{{end}}", "21")]
    [TestCase("{{index .Header \"X-Id\"}} {{index .Header \"None\"}} {{len .Header}}", "[1 2] [] 2")]
    [TestCase("{{.Header}} {{.Header.Accept}} {{.Header.None}}", "map[Accept:[*/*] X-Id:[1 2]] [*/*] <no value>")]
    [TestCase("{{if index .Header \"None\"}}a{{else}}b{{end}}", "b")]
    public void Reads_a_header_as_Go_does(string text, string expected) => Template.Parse("t", text).Execute(Header).Should().Be(expected);

    [TestCase("{{index .Header \"None\" 0}}", "*error calling index: index out of range: 0")]
    [TestCase("{{index .Header 1}}", "*error calling index: value has type int; should be string")]
    [TestCase("{{.Header.Get \"a\" \"b\"}}", "*wrong number of args for Get: want 1 got 2")]
    [TestCase("{{.Header.Get 1}}", "*expected string")]
    [TestCase("{{.Header.Del \"a\"}}", "*Del has arguments but cannot be invoked as function")]
    [TestCase("{{.Header \"a\"}}", "*Header has arguments but cannot be invoked as function")]
    public void Refuses_what_a_header_cannot(string text, string message) =>
        FluentActions.Invoking(() => Template.Parse("t", text).Execute(Header)).Should().Throw<TemplateException>().WithMessage(message);

    private static TemplateRecord Header { get; } =
        new("data", ("Header", new TemplateHeader([new("X-Id", ["1", "2"]), new("Accept", ["*/*"])])));
}
