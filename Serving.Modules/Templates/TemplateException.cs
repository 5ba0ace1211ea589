namespace Serving.Templates;

/// <summary>A template is invalid, or does not fit its data. The message contains the template's name and the line.</summary>
public sealed class TemplateException : FormatException
{
    /// <param name="template">The template's name, such as <c>domain-template</c>.</param>
    /// <param name="line">The line, starting at 1.</param>
    /// <param name="message">The error.</param>
    public TemplateException(string template, int line, string message)
        : base($"template: {template}:{line}: {message}") { }
}
