using System.Globalization;
using System.Text;

namespace Serving.Templates;

/// <summary>
/// A parsed template in the subset of Go's text/template that ConfigMaps use: text, <c>{{.Field.Path}}</c>, <c>$</c>, string, number and
/// boolean constants, pipelines, parentheses, <c>if</c>/<c>else if</c>/<c>else</c>, <c>with</c>, trim markers, comments, and the functions
/// and, or, not, eq, ne, lt, le, gt, ge, index, len, print, printf (%s %q %v %d %%), println, js, html and urlquery.
/// Anything else (<c>range</c>, <c>define</c>, <c>template</c>, <c>block</c>, variables, other functions) is rejected by name
/// and line when it is parsed. A text that is too long or too deeply nested is rejected too, and an execution that produces too much output
/// is stopped: no template can exhaust the stack or the memory. Immutable: parse once, execute from any thread.
/// </summary>
public sealed class Template
{
    /// <summary>Maximum length of a template in characters.</summary>
    public const int MaxLength = 64 * 1024;

    private readonly IReadOnlyList<Node> _nodes;

    private Template(string name, string text, IReadOnlyList<Node> nodes)
    {
        Name = name;
        Text = text;
        _nodes = nodes;
    }

    /// <summary>The name for error messages.</summary>
    public string Name { get; }

    /// <summary>The source text.</summary>
    public string Text { get; }

    /// <summary>Parses a template. Throws <see cref="TemplateException"/>.</summary>
    public static Template Parse(string name, string text)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxLength)
        {
            throw new TemplateException(
                name,
                1,
                string.Create(CultureInfo.InvariantCulture, $"too long: {text.Length} characters, at most {MaxLength}")
            );
        }

        return new Template(name, text, new Parser(name, Scanner.Scan(name, text)).ParseAll());
    }

    /// <summary>Applies the template to <paramref name="data"/>. Throws <see cref="TemplateException"/> when the data does not
    /// fit.</summary>
    public string Execute(object? data)
    {
        var output = new StringBuilder();
        var scope = new Scope(Name, data, data, output, new Allowance());
        foreach (var node in _nodes)
            node.Write(scope);
        return output.ToString();
    }
}
