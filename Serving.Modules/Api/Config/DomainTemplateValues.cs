using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>The data of <c>domain-template</c>.</summary>
/// <param name="Name">The Route's name (with its tag, if there is one).</param>
/// <param name="Namespace">The Route's namespace.</param>
/// <param name="Domain">The Route's domain from config-domain.</param>
public sealed record DomainTemplateValues(string Name, string Namespace, string Domain)
{
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = Empty.Map;
    public IReadOnlyDictionary<string, string> Labels { get; init; } = Empty.Map;
}
