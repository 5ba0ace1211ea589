namespace Serving.Api.Config;

/// <summary>What <c>tag-template</c> sees.</summary>
/// <param name="Name">The Route's name.</param>
/// <param name="Tag">The traffic target's tag.</param>
public sealed record TagTemplateValues(string Name, string Tag);
