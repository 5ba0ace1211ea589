using Serving.Api;

namespace Serving.Kubernetes.Client;

/// <summary>What a request does, for errors and metrics.</summary>
/// <param name="Verb">The verb, as in a role: <c>get</c>, <c>list</c>, <c>watch</c>; a server-side apply is <c>apply</c>.</param>
/// <param name="Resource">The resource, as in a role: <c>revisions.serving.knative.dev/status</c>. Few, because metrics count by
/// it.</param>
/// <param name="Key">The object; empty for all.</param>
internal sealed record ApiOperation(string Verb, string Resource, string Key)
{
    /// <summary>The resource of a request by path.</summary>
    public const string OtherResource = "_OTHER";

    /// <summary>An operation on one object, or on all when the name is empty.</summary>
    public static ApiOperation Of(string verb, ResourceType type, string? ns, string name, string? subresource = null)
    {
        var resource = type.Group.Length == 0 ? type.Plural : $"{type.Plural}.{type.Group}";
        return new(
            verb,
            subresource is null ? resource : $"{resource}/{subresource}",
            string.IsNullOrEmpty(ns) ? name
                : name.Length == 0 ? $"in {ns}"
                : $"{ns}/{name}"
        );
    }

    /// <summary>A request by path, such as those of the package's own operations.</summary>
    public static ApiOperation OfPath(string verb, string path) => new(verb, OtherResource, path);

    /// <summary>Such as <c>update configurations.serving.knative.dev default/hello</c>.</summary>
    public override string ToString() => Resource == OtherResource ? $"{Verb} {Key}" : $"{Verb} {Resource} {Key}".TrimEnd();
}
