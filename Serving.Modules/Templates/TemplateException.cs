namespace Serving.Templates;

/// <summary>A template that cannot be understood, or does not apply to its data. The message has the template's name and the line.</summary>
public sealed class TemplateException : FormatException
{
    /// <param name="template">The template's name, as <c>domain-template</c>.</param>
    /// <param name="line">The line, from 1.</param>
    /// <param name="message">What is wrong.</param>
    public TemplateException(string template, int line, string message)
        : base($"template: {template}:{line}: {message}")
    {
    }
}
