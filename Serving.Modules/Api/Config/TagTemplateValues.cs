namespace Serving.Api.Config;

/// <summary>The data of <c>tag-template</c>.</summary>
/// <param name="Name">The Route's name.</param>
/// <param name="Tag">The traffic target's tag.</param>
public sealed record TagTemplateValues(string Name, string Tag);
