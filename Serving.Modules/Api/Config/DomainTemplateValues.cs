using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>What <c>domain-template</c> sees.</summary>
/// <param name="Name">The Route's name (with its tag, when there is one).</param>
/// <param name="Namespace">The Route's namespace.</param>
/// <param name="Domain">The domain that config-domain gives it.</param>
public sealed record DomainTemplateValues(string Name, string Namespace, string Domain)
{
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = Empty.Map;
    public IReadOnlyDictionary<string, string> Labels { get; init; } = Empty.Map;
}
